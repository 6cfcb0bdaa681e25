"""Very many leases: memory, keep-alives, a change of the leader, and all of them ending at once.

Half of the leases stay; the other half is renewed for a while by a stream each and then left alone. Right
after that the leader hands over, so that the new one gives all of them the same last moment.
"""

import os
import subprocess
import threading
import time
import urllib.request

import kvbench_tool
import procstat

CONNECTIONS = 10
EXPIRED = "etcd_debugging_server_lease_expired_total"


def rss(cluster, member):
    cluster.check_alive()
    return procstat.memory(member.pid)["rss"]


def etcdctl(options, member, *command):
    return subprocess.run([options.etcdctl, "--endpoints", member.endpoint, *command],
                          env=dict(os.environ, ETCDCTL_API="3"), capture_output=True, text=True,
                          check=True).stdout


def lease_count(options, member):
    return int(etcdctl(options, member, "lease", "list").split()[1])


def hand_over(cluster, options):
    """Another member leads afterwards; returns it, and when it was asked for."""
    old = cluster.leader()
    status = cluster.kvbench.status(cluster.endpoints)
    target = next(i for i, member in enumerate(cluster.members) if member is not old)
    asked = time.monotonic()
    etcdctl(options, old, "move-leader", status[target]["member_id"])
    return cluster.leader(), asked


def expired(member):
    """How many leases the member, as leader, has seen ending."""
    with urllib.request.urlopen(member.client_url + "/metrics", timeout=30) as page:
        for line in page.read().decode().splitlines():
            if line.startswith(EXPIRED + " "):
                return float(line.split()[1])
    return 0.0


class Ends(threading.Thread):
    """Follows how many leases have ended, until all have or time is up."""

    def __init__(self, member, wanted, until):
        super().__init__()
        self.member, self.wanted, self.until = member, wanted, until
        self.first = self.last = None
        self.count = 0
        self.before = expired(member)

    def run(self):
        while time.monotonic() < self.until and self.count < self.wanted:
            time.sleep(0.1)
            count = expired(self.member) - self.before
            if count > self.count:
                self.last = time.monotonic()
                self.first = self.first or self.last
            self.count = count


def mass_expiry(cluster, options, granted):
    """What becomes of `granted` leases that were renewed just now, beside 500 puts a second."""
    leader, asked = hand_over(cluster, options)
    patience = options.ttl + options.drain
    ends = Ends(leader, granted, asked + patience)
    ends.start()
    puts = cluster.kvbench.start("put", leader.endpoint, rate=500, duration=patience - 1,
                                 connections=10)
    ends.join()
    report = cluster.kvbench.finish(puts)
    put = report["ops"]["put"]["latency_us"]
    drain = (ends.last or 0) - (ends.first or 0)
    return {"expired": ends.count, "first_end_s_after_hand_over": round((ends.first or asked) - asked, 1),
            "ended_early": ends.first is not None and ends.first - asked < options.ttl,
            "drain_s": round(drain, 1), "ends_per_s": round(ends.count / drain) if drain else None,
            "put_p50_us": put["p50"], "put_p99_us": put["p99"], "longest_put_us": put["max"],
            "left": lease_count(options, leader), "problem": kvbench_tool.first_error(report)}


def leases(cluster, options):
    leader = cluster.leader()
    before = rss(cluster, leader)
    granted = cluster.kvbench.load("lease-grant", leader.endpoint, count=options.leases,
                                   connections=CONNECTIONS, streams=100, lease_ttl=3600)
    after = rss(cluster, leader)
    renewed = cluster.kvbench.load("keepalive", leader.endpoint, connections=CONNECTIONS,
                                   streams=options.leases // CONNECTIONS, lease_ttl=options.ttl,
                                   warmup=5, duration=options.seconds)
    with_streams = rss(cluster, leader)
    keepalive = renewed["ops"].get("keepalive")
    if keepalive is None:
        raise SystemExit("no keep-alive was answered in the measured time: try more --seconds")
    ending = lease_count(options, leader) - options.leases
    end = mass_expiry(cluster, options, ending)
    return {"leases": options.leases,
            "grants_per_s": round(granted["ops"]["lease_grant"]["ops_per_s"]),
            "bytes_per_lease": (after - before) // options.leases,
            "renewed_leases": ending, "keepalives_per_s": round(keepalive["ops_per_s"]),
            "keepalive_p99_us": keepalive["latency_us"]["p99"],
            "bytes_per_lease_and_stream": (with_streams - after) // max(ending, 1),
            **end,
            "problem": kvbench_tool.first_error(granted) or kvbench_tool.first_error(renewed) or
                       end["problem"]}
