#!/usr/bin/env python3
"""What many watchers and leases cost: memory each, and what writers notice of them.

    bench/scale/scale.py --part writers --against /usr/bin/etcd    saturated puts, alone and beside 10,000 watchers
    bench/scale/scale.py --part writers --rate 5000                the same at an offered rate: latencies
    bench/scale/scale.py --part held --watchers 1000000
    bench/scale/scale.py --part leases --server /usr/bin/etcd

One part at a time, so that each is short; figures go to standard output as JSON.
"""

import argparse
import json
import os
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench", "compare"))

import kvbench_tool  # noqa: E402
import leases  # noqa: E402
import procstat  # noqa: E402
import servers  # noqa: E402
import writers  # noqa: E402

def rss(cluster, member):
    cluster.check_alive()
    return procstat.memory(member.pid)["rss"]


def puts(report):
    put = report["ops"]["put"]
    return {"per_s": round(put["ops_per_s"]), "p99_us": put["latency_us"]["p99"]}


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


PARTS = {"held": held, "leases": leases.leases}


def new_cluster(binary, options, work, tool):
    kind = servers.kind_of(binary, os.path.basename(binary))
    return servers.Cluster(kind, options.base_port, work, tool)


def compare_writers(options, work, tool):
    """Rounds on fresh clusters; servers in turns."""
    binaries = [options.server] + ([options.against] if options.against else [])
    rounds = {binary: [] for binary in binaries}
    for number in range(options.rounds):
        for binary in reversed(binaries) if number % 2 == 1 else binaries:
            with new_cluster(binary, options, work, tool) as cluster:
                rounds[binary].append(
                    writers.run_round(cluster, options.rate, options, number))
    found = {binary: writers.summarize(done) for binary, done in rounds.items()}
    problem = next((one["problem"] for one in found.values() if one["problem"]), None)
    return {"watchers": options.watchers, "offered_per_s": options.rate or "all they can",
            "servers": {binary: one["cells"] for binary, one in found.items()},
            "problem": problem}


def one_part(options, work, tool):
    with new_cluster(options.server, options, work, tool) as cluster:
        return {"server": cluster.kind.version(), **PARTS[options.part](cluster, options)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    binaries = os.path.join(ROOT, "build", "release", "bin")
    parser.add_argument("--part", choices=["writers", *PARTS], required=True)
    parser.add_argument("--server", default=os.path.join(binaries, "kvd"))
    parser.add_argument("--against", help="writers: another server, in turns with --server")
    parser.add_argument("--rate", type=int, default=0, help="writers: puts offered per second")
    parser.add_argument("--kvbench", default=os.path.join(binaries, "kvbench"))
    parser.add_argument("--etcdctl", default="etcdctl", help="to count leases")
    parser.add_argument("--watchers", type=int, default=10_000)
    parser.add_argument("--streams", type=int, help="of the held watchers (1000)")
    parser.add_argument("--leases", type=int, default=100_000)
    parser.add_argument("--ttl", type=int, default=20)
    parser.add_argument("--drain", type=int, default=20,
                        help="leases: seconds that all may take to end")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base-port", type=int, default=26_000)
    options = parser.parse_args()
    tool = kvbench_tool.Kvbench(options.kvbench)
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, "build")) as work:
        run = compare_writers if options.part == "writers" else one_part
        figures = run(options, work, tool)
    print(json.dumps({"part": options.part, **figures}, indent=1))
    return 1 if figures["problem"] else 0


if __name__ == "__main__":
    sys.exit(main())
