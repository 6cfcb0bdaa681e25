#!/usr/bin/env python3
"""What many watchers and leases cost: memory each, and what writers notice of them.

    bench/scale/scale.py --part writers            puts alone, and beside 10,000 watchers and a stuck reader
    bench/scale/scale.py --part held --watchers 1000000
    bench/scale/scale.py --part leases --server /usr/bin/etcd

One part of one server at a time, so that each is short; figures go to standard output as JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench", "compare"))

import kvbench_tool  # noqa: E402
import procstat  # noqa: E402
import servers  # noqa: E402

WRITERS = {"connections": 10, "streams": 10, "value_size": 256}


def rss(cluster, member):
    cluster.check_alive()
    return procstat.memory(member.pid)["rss"]


def puts(report):
    put = report["ops"]["put"]
    return {"per_s": round(put["ops_per_s"]), "p99_us": put["latency_us"]["p99"]}


def writers(cluster, options):
    """Rounds of puts without watchers and beside them, in turns."""
    leader = cluster.leader()
    watched = {"own_keys": True, "watch_streams": 100, "watchers": options.watchers // 100,
               "watch_connections": 10, "stuck": 1}
    alone, beside = [], []
    for _ in range(options.rounds):
        alone.append(cluster.kvbench.load("put", leader.endpoint, duration=options.seconds,
                                          keys=options.watchers, **WRITERS))
        beside.append(cluster.kvbench.load("watch", leader.endpoint, duration=options.seconds,
                                           **watched, **WRITERS))
    problem = next(filter(None, map(kvbench_tool.first_error, alone + beside)), None)
    rate = statistics.median(puts(r)["per_s"] for r in alone)
    rate_beside = statistics.median(puts(r)["per_s"] for r in beside)
    return {"watchers": options.watchers, "puts_per_s": rate, "puts_per_s_beside": rate_beside,
            "ratio": round(rate_beside / rate, 3), "p99_us": [puts(r)["p99_us"] for r in alone],
            "p99_us_beside": [puts(r)["p99_us"] for r in beside],
            "delivery_p99_us": [r["watch"]["latency_us"]["p99"] for r in beside],
            "problem": problem}


def held(cluster, options):
    """Memory of the leader with many watchers of keys of their own, while a few puts go on."""
    leader = cluster.leader()
    before = rss(cluster, leader)
    streams = options.streams or 1000
    process = cluster.kvbench.start(
        "watch", leader.endpoint, own_keys=True, watch_streams=streams,
        watchers=options.watchers // streams, watch_connections=10, rate=200,
        duration=options.seconds, warmup=1, timeout=100, value_size=64)
    most = before
    began = time.monotonic()
    while process.poll() is None:
        most = max(most, rss(cluster, leader))
        time.sleep(0.2)
    report = cluster.kvbench.finish(process)
    return {"watchers": options.watchers, "streams": streams, "before_mb": before >> 20,
            "held_mb": most >> 20, "bytes_per_watcher": (most - before) // options.watchers,
            "bytes_per_stream": (most - before) // streams,
            "seconds": round(time.monotonic() - began, 1), "puts": puts(report),
            "delivery_p99_us": report["watch"]["latency_us"]["p99"],
            "problem": kvbench_tool.first_error(report)}


def lease_count(options, member):
    out = subprocess.run([options.etcdctl, "--endpoints", member.endpoint, "lease", "list"],
                         env=dict(os.environ, ETCDCTL_API="3"), capture_output=True, text=True,
                         check=True).stdout
    return int(out.split()[1])


def leases(cluster, options):
    """Leases granted, renewed as fast as they are answered, and left to expire all at once."""
    leader = cluster.leader()
    before = rss(cluster, leader)
    granted = cluster.kvbench.load("lease-grant", leader.endpoint, count=options.leases,
                                   connections=10, streams=100, lease_ttl=3600)
    after = rss(cluster, leader)
    renewed = cluster.kvbench.load("keepalive", leader.endpoint, connections=10,
                                   streams=options.leases // 20, lease_ttl=options.ttl,
                                   duration=options.seconds)
    with_streams = rss(cluster, leader)
    # All of the second half run out within the time that renewing each once took.
    began = time.monotonic()
    beside = cluster.kvbench.start("put", leader.endpoint, rate=500, duration=options.ttl + 12,
                                   connections=10)
    left = [(0.0, lease_count(options, leader))]
    while beside.poll() is None:
        time.sleep(0.3)
        left.append((round(time.monotonic() - began, 1), lease_count(options, leader)))
    report = cluster.kvbench.finish(beside)
    falling = [at for at, count in left if options.leases < count < left[0][1]]
    gone = next((at for at, count in left if count <= options.leases), None)
    return {"leases": options.leases, "grants_per_s": round(granted["ops"]["lease_grant"]["ops_per_s"]),
            "bytes_per_lease": (after - before) // options.leases,
            "keepalives_per_s": round(renewed["ops"]["keepalive"]["ops_per_s"]),
            "keepalive_p99_us": renewed["ops"]["keepalive"]["latency_us"]["p99"],
            "bytes_per_lease_and_stream": (with_streams - after) // (options.leases // 2),
            "expired": left[0][1] - left[-1][1], "expiring_from_s": falling[0] if falling else None,
            "expired_by_s": gone, "puts_meanwhile": puts(report),
            "longest_put_us": report["ops"]["put"]["latency_us"]["max"],
            "problem": kvbench_tool.first_error(granted) or kvbench_tool.first_error(report)}


PARTS = {"writers": writers, "held": held, "leases": leases}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    binaries = os.path.join(ROOT, "build", "release", "bin")
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--server", default=os.path.join(binaries, "kvd"))
    parser.add_argument("--kvbench", default=os.path.join(binaries, "kvbench"))
    parser.add_argument("--etcdctl", default="etcdctl", help="to count leases")
    parser.add_argument("--watchers", type=int, default=10_000)
    parser.add_argument("--streams", type=int, help="of the held watchers (1000)")
    parser.add_argument("--leases", type=int, default=100_000)
    parser.add_argument("--ttl", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base-port", type=int, default=26_000)
    options = parser.parse_args()
    tool = kvbench_tool.Kvbench(options.kvbench)
    kind = servers.kind_of(options.server, os.path.basename(options.server))
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "build")) as work:
        with servers.Cluster(kind, options.base_port, work, tool) as cluster:
            figures = PARTS[options.part](cluster, options)
    print(json.dumps({"server": kind.version(), "part": options.part, **figures}, indent=1))
    return 1 if figures["problem"] else 0


if __name__ == "__main__":
    sys.exit(main())
