"""The measurements. A group starts a fresh cluster and yields (cell name, metrics) one by one."""

import os
import time
from dataclasses import dataclass

import procstat
from kvbench_tool import KvbenchError, children_cpu_seconds, first_error
from servers import Cluster, ClusterError

SHAPES = (("1x1", 1, 1), ("50x1", 50, 1), ("10x100", 10, 100))
SETTLE_SECONDS = 0.3


@dataclass
class Settings:
    """How large and how long everything is."""

    seconds: float = 5
    warmup: float = 1
    keys: int = 10_000
    value_size: int = 256
    big_keys: int = 1_000_000
    lag_writes: int = 210_000
    watch_streams: int = 1000
    watch_rate: int = 100
    interfere_rate: int = 1000
    failover_kills: int = 3
    restarts: int = 3
    sync_seconds: float = 2


def settle():
    """Lets the page cache of what came before reach the disk, so that it is not paid for here."""
    os.sync()
    time.sleep(SETTLE_SECONDS)


def _micros_each(seconds, count):
    return seconds * 1e6 / count if count else None


class Meter:
    """CPU of servers, client and everybody else between enter and exit."""

    def __init__(self, pids):
        self.pids = pids

    def __enter__(self):
        self._start = time.monotonic()
        self._servers = procstat.total_cpu_seconds(self.pids)
        self._client = children_cpu_seconds()
        self._busy = procstat.machine_busy_seconds()
        return self

    def __exit__(self, *_):
        self.elapsed = time.monotonic() - self._start
        self.servers = procstat.total_cpu_seconds(self.pids) - self._servers
        self.client = children_cpu_seconds() - self._client
        busy = procstat.machine_busy_seconds() - self._busy
        foreign = max(0.0, busy - self.servers - self.client)
        self.foreign_percent = 100 * foreign / (self.elapsed * os.cpu_count())


def op_metrics(report, meter):
    op = next(iter(report["ops"].values()))
    count = report["ok_total"]
    return {
        "ops_per_s": op["ops_per_s"],
        "p50_ms": op["latency_us"]["p50"] / 1000,
        "p99_ms": op["latency_us"]["p99"] / 1000,
        "max_ms": op["latency_us"]["max"] / 1000,
        "cpu_us_per_op": _micros_each(meter.servers, count),
        "client_cpu_us_per_op": _micros_each(meter.client, count),
        "foreign_cpu_percent": meter.foreign_percent,
        "errors": report["error_total"],
        "first_error": first_error(report),
    }


def throughput(command, flags):
    """A group of one operation in all shapes, sent to the leader."""

    def group(env, kind):
        settings = env.settings
        with env.cluster(kind) as cluster:
            env.preload(cluster, settings.keys)
            for shape, connections, streams in SHAPES:
                settle()
                with Meter(cluster.pids) as meter:
                    report = env.kvbench.load(
                        command, cluster.endpoints, target="leader", connections=connections,
                        streams=streams, duration=settings.seconds, warmup=settings.warmup,
                        keys=settings.keys, value_size=settings.value_size, seed=env.seed, **flags)
                metrics = op_metrics(report, meter)
                metrics["rss_mb"] = procstat.largest_memory(cluster.pids)["rss"] / 1e6
                yield shape, metrics
                cluster.check_alive()

    return group


def syncs(env, kind):
    """Syncs per put: system calls of the members and flushes that reached the device."""
    settings = env.settings
    with env.cluster(kind) as cluster:
        env.preload(cluster, settings.keys)
        device = procstat.device_of(cluster.work_dir)
        for shape, connections, streams in SHAPES:
            settle()
            flushes = procstat.device_flushes(device)
            counter = procstat.SyncCounter(cluster.pids)
            with counter:
                report = env.kvbench.load(
                    "put", cluster.endpoints, target="leader", connections=connections,
                    streams=streams, duration=settings.sync_seconds, warmup=0, keys=settings.keys,
                    value_size=settings.value_size)
            counts = counter.counts()
            puts = report["ok_total"]
            metrics = {
                "method": counter.method,
                "calls": counts,
                "puts": puts,
                "syncs_per_op": sum(counts.values()) / puts if puts else None,
                "errors": report["error_total"],
                "first_error": first_error(report),
            }
            if flushes is not None and puts:
                metrics["device_flushes_per_op"] = (
                    procstat.device_flushes(device) - flushes) / puts
            yield shape, metrics


def watch(env, kind):
    """Fan-out to many streams: at a fixed rate, and as much as the server delivers."""
    settings = env.settings
    cells = (("rate", {"rate": settings.watch_rate}), ("max", {"streams": 8, "max_lag": 32}))
    with env.cluster(kind) as cluster:
        for name, flags in cells:
            settle()
            with Meter(cluster.pids) as meter:
                report = env.kvbench.load(
                    "watch", cluster.endpoints, target="leader",
                    watch_streams=settings.watch_streams, duration=settings.seconds,
                    warmup=settings.warmup, value_size=settings.value_size, **flags)
            events = report["watch"]
            yield name, {
                "ops_per_s": events["events_per_s"],
                "p50_ms": events["latency_us"]["p50"] / 1000,
                "p99_ms": events["latency_us"]["p99"] / 1000,
                "max_ms": events["latency_us"]["max"] / 1000,
                "cpu_us_per_op": _micros_each(meter.servers, events["delivered_total"]),
                "client_cpu_us_per_op": _micros_each(meter.client, events["delivered_total"]),
                "foreign_cpu_percent": meter.foreign_percent,
                "rss_mb": procstat.largest_memory(cluster.pids)["rss"] / 1e6,
                "errors": report["error_total"] + events["missing"] + events["out_of_order"],
                "first_error": first_error(report),
            }


def failover(env, kind):
    """Puts at a steady rate to the followers while the leader is killed."""
    settings = env.settings
    with env.cluster(kind) as cluster:
        env.preload(cluster, 1000)
        gaps = []
        for _ in range(settings.failover_kills):
            leader = cluster.leader()
            load = env.kvbench.start(
                "put", cluster.endpoints, target="followers", connections=2, rate=500, timeline=True,
                duration=6, warmup=1, keys=1000, timeout=3)
            try:
                time.sleep(2.5)  # into the measured window
                leader.kill()
                report = env.kvbench.finish(load)
            finally:
                if load.poll() is None:
                    load.kill()
                    load.wait()
            gaps.append(report["timeline"]["longest_gap_ms"])
            cluster.start_member(leader)
            cluster.wait_ready()
        yield "gap", {"gap_ms": sorted(gaps)[len(gaps) // 2], "worst_gap_ms": max(gaps),
                      "gaps_ms": gaps, "errors": 0, "first_error": None}


class Environment:
    """What all groups share."""

    def __init__(self, kvbench, settings, work_dir, base_port):
        self.kvbench = kvbench
        self.settings = settings
        self.work_dir = work_dir
        self.base_port = base_port
        self.seed = 1
        self._next_slot = 0

    def cluster(self, kind):
        """A fresh cluster; ports alternate so that none waits for a closing one."""
        self._next_slot = (self._next_slot + 1) % 4
        return Cluster(kind, self.base_port + 10 * self._next_slot, self.work_dir, self.kvbench)

    def preload(self, cluster, keys):
        """One put per key, in order; returns the report."""
        report = self.kvbench.load(
            "put", cluster.endpoints, target="leader", connections=10, streams=50, count=keys,
            keys=keys, sequential=True, value_size=self.settings.value_size)
        if report["error_total"]:
            raise ClusterError(f"preload: {first_error(report)}")
        return report


def groups():
    """Name -> generator function, in the order in which they run."""
    from big import big  # here, because big.py needs this file

    return {
        "put": throughput("put", {}),
        "get": throughput("get", {}),
        "sget": throughput("get", {"serializable": True}),
        "txn": throughput("txn", {}),
        "syncs": syncs,
        "watch": watch,
        "failover": failover,
        "big": big,
    }


CELL_ERRORS = (KvbenchError, ClusterError, OSError)
