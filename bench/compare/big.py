"""Measurements on a store with many keys: memory, interference with puts, restart."""

import time
import urllib.error
import urllib.request

import procstat
from cells import Meter, op_metrics, settle
from kvbench_tool import KvbenchError, first_error
from servers import ClusterError

# Long enough for a member with a million keys to start and be sent a snapshot.
CATCH_UP_SECONDS = 10
SNAPSHOTS_SENT = "etcd_network_snapshot_send_success"


def big(env, kind):
    """Loads the keys once, then runs the cells that need them, least disturbing first."""
    with env.cluster(kind) as cluster:
        yield "load", _load(env, cluster)
        yield from _memory(env, cluster)
        base = _puts_with(env, cluster, None)
        yield "puts-alone", base
        yield "puts+range", _compared(base, _puts_with(env, cluster, _range_forever))
        yield "puts+count", _compared(base, _puts_with(env, cluster, _count_forever))
        yield "puts+snapshot", _compared(base, _puts_during_catch_up(env, cluster))
        yield "puts+compaction", _compared(base, _puts_with(env, cluster, _compact))
        yield "restart", _restart(env, cluster)


def _load(env, cluster):
    with Meter(cluster.pids) as meter:
        report = env.preload(cluster, env.settings.big_keys)
    return op_metrics(report, meter)


def _megabytes(pids):
    return {f"{name}_mb": value / 1e6 for name, value in procstat.largest_memory(pids).items()}


def _memory(env, cluster):
    """The largest member after the load, after a paged scan, and after one answer with all keys."""
    yield "memory-loaded", _megabytes(cluster.pids)
    scanned = env.kvbench.tool("scan", cluster.endpoints, target="leader", timeout=60)
    if scanned["keys"] != env.settings.big_keys:
        raise ClusterError(f"scan saw {scanned['keys']} of {env.settings.big_keys} keys")
    yield "memory-scanned", {**_megabytes(cluster.pids), "seconds": scanned["seconds"]}
    start = time.monotonic()
    report = env.kvbench.load("range", cluster.endpoints, target="leader", whole=True, limit=0,
                              count=1, timeout=120)
    seconds = time.monotonic() - start
    keys = report["ops"]["range"]["keys"]
    if keys != env.settings.big_keys:
        raise ClusterError(f"range saw {keys} of {env.settings.big_keys}: {first_error(report)}")
    yield "memory-ranged", {**_megabytes(cluster.pids), "seconds": seconds}


def _start_puts(env, cluster, seconds):
    settings = env.settings
    return env.kvbench.start(
        "put", cluster.endpoints, target="leader", connections=10, rate=settings.interfere_rate,
        duration=seconds, warmup=settings.warmup, keys=settings.big_keys,
        value_size=settings.value_size)


def _puts_with(env, cluster, disturb, seconds=None):
    """Steady puts; `disturb(env, cluster)` starts when their measured window does and returns facts
    about itself, or, if it lasts as long as the puts, a function that ends it and returns them."""
    settle()
    with Meter(cluster.pids) as meter:
        puts = _start_puts(env, cluster, seconds or env.settings.seconds)
        facts = {}
        try:
            if disturb is not None:
                time.sleep(env.settings.warmup)
                facts = disturb(env, cluster)
            report = env.kvbench.finish(puts)
            if callable(facts):
                facts = facts()
        finally:
            if puts.poll() is None:
                puts.kill()
                puts.wait()
    return {**op_metrics(report, meter), **facts}


def _compared(base, metrics):
    metrics["p99_moved_ms"] = metrics["p99_ms"] - base["p99_ms"]
    return metrics


def _range_forever(env, cluster, **flags):
    process = env.kvbench.start(
        "range", cluster.endpoints, target="leader", whole=True, limit=0, warmup=0, timeout=120,
        duration=env.settings.seconds, **flags)

    def facts():
        report = env.kvbench.finish(process)
        op = report["ops"].get("range", {"ok_total": 0, "keys": 0, "latency_us": {"p50": 0}})
        return {"disturbances": op["ok_total"], "disturbance_ms": op["latency_us"]["p50"] / 1000,
                "keys_read": op["keys"]}

    return facts


def _count_forever(env, cluster):
    return _range_forever(env, cluster, count_only=True)


def _compact(env, cluster):
    done = env.kvbench.tool("compact", cluster.endpoints, target="leader", physical=True, timeout=60)
    return {"disturbances": 1, "disturbance_ms": done["seconds"] * 1000}


def _snapshots_sent(member):
    """From the leader's metrics; None if they do not tell (etcd's appear with the first one)."""
    try:
        with urllib.request.urlopen(member.client_url + "/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None
    values = [float(line.split()[-1]) for line in text.splitlines()
              if line.startswith(SNAPSHOTS_SENT)]
    return sum(values) if values else None


def _wait_caught_up(env, cluster, member, seconds):
    """Seconds until the member has applied what the leader had applied when we began to ask."""
    start = time.monotonic()
    leader = cluster.leader_among([m for m in cluster.members if m is not member])
    goal = env.kvbench.status(leader.endpoint)[0]["applied_index"]
    while time.monotonic() - start < seconds:
        status = env.kvbench.status(member.endpoint)
        if status and status[0]["applied_index"] >= goal:
            return time.monotonic() - start
        time.sleep(0.05)
    raise ClusterError(f"{member.name} did not catch up in {seconds} s")


def _puts_during_catch_up(env, cluster):
    """A follower that has missed so much that it needs a snapshot comes back."""
    settings = env.settings
    follower = cluster.a_follower()
    leader = cluster.leader()
    follower.kill()
    report = env.kvbench.load(
        "put", leader.endpoint, connections=10, streams=50, count=settings.lag_writes,
        keys=settings.big_keys, value_size=settings.value_size)
    if report["error_total"]:
        raise ClusterError(f"writes while a follower is down: {first_error(report)}")
    sent_before = _snapshots_sent(leader)

    def come_back(_env, _cluster):
        cluster.start_member(follower)
        return {"catch_up_s": _wait_caught_up(env, cluster, follower, 120)}

    metrics = _puts_with(env, cluster, come_back, max(settings.seconds, CATCH_UP_SECONDS))
    del metrics["foreign_cpu_percent"]  # the follower itself would count as foreign
    sent = _snapshots_sent(leader)
    metrics["snapshots_sent"] = None if sent is None else sent - (sent_before or 0)
    if not metrics["snapshots_sent"]:
        metrics["warning"] = (
            f"the leader's {SNAPSHOTS_SENT} does not show that a snapshot was sent: "
            "the follower may have caught up from the log (--lag-writes)")
    cluster.wait_ready()
    return metrics


def _restart(env, cluster):
    """A follower is killed under load and started again; how long until it answers a read."""
    settings = env.settings
    seconds = []
    for _ in range(settings.restarts):
        follower = cluster.a_follower()
        leader = cluster.leader()
        load = env.kvbench.start(
            "put", leader.endpoint, connections=10, streams=10, warmup=0, duration=3,
            keys=settings.big_keys, value_size=settings.value_size)
        try:
            time.sleep(1)
            follower.kill()
            env.kvbench.finish(load)
        finally:
            if load.poll() is None:
                load.kill()
                load.wait()
        seconds.append(_restart_once(env, cluster, follower))
        cluster.wait_ready()
    return {"restart_s": sorted(seconds)[len(seconds) // 2], "worst_restart_s": max(seconds),
            "restarts_s": seconds, "errors": 0, "first_error": None}


def _restart_once(env, cluster, follower):
    start = time.monotonic_ns()
    cluster.start_member(follower)
    try:
        answered = env.kvbench.tool("probe", follower.endpoint, keys=env.settings.big_keys,
                                    timeout=120)
    except KvbenchError as error:
        raise ClusterError(f"restart: {error}; log: {follower.log_tail()}") from error
    return (answered["monotonic_ns"] - start) / 1e9
