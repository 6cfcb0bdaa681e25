"""What writers notice of very many watchers: puts alone and beside them, in turns.

The watchers, each of a key of its own, and the client that does not read are the same in all cells but
`alone`; what differs is how many of the puts are events that somebody receives.
"""

import statistics

import kvbench_tool
import procstat

SHAPE = {"connections": 10, "streams": 10, "value_size": 256}

# Percent of the puts that go to watched keys; None: there are no watchers.
CELLS = {"alone": None, "idle": 0, "tenth": 10, "every": 100}


def cpu(cluster):
    return {member.name: procstat.cpu_seconds(member.pid) for member in cluster.members}


def run_cell(cluster, leader, watched, rate, options):
    """One load; its figures."""
    shape = dict(SHAPE, streams=1000, rate=rate) if rate else SHAPE
    before = cpu(cluster)
    if watched is None:
        report = cluster.kvbench.load("put", leader.endpoint, duration=options.seconds,
                                      keys=options.watchers, **shape)
    else:
        report = cluster.kvbench.load(
            "watch", leader.endpoint, duration=options.seconds, own_keys=True, watch_streams=100,
            watchers=options.watchers // 100, watch_connections=10, stuck=1, watched=watched,
            watch_thread=True, **shape)
    used = {name: seconds - before[name] for name, seconds in cpu(cluster).items()}
    put = report["ops"]["put"]
    watch = report.get("watch", {"thread_cpu_us_per_op": 0, "events_per_s": 0, "latency_us": {}})
    micros = 1e6 / put["ok_total"]
    return {"puts_per_s": put["ops_per_s"], "p50_us": put["latency_us"]["p50"],
            "p99_us": put["latency_us"]["p99"], "events_per_s": watch["events_per_s"],
            "delivery_p99_us": watch["latency_us"].get("p99", 0) if watched else 0,
            "leader_us_per_put": used[leader.name] * micros,
            "followers_us_per_put": (sum(used.values()) - used[leader.name]) * micros,
            "writers_us_per_put": report["client_cpu_us_per_op"] - watch["thread_cpu_us_per_op"],
            "watchers_us_per_put": watch["thread_cpu_us_per_op"],
            "problem": kvbench_tool.first_error(report)}


def run_round(cluster, rate, options, number):
    """All cells, each time with another one first, on a cluster that has its keys and log files."""
    leader = cluster.leader()
    cluster.kvbench.load("put", leader.endpoint, duration=2, keys=2 * options.watchers, **SHAPE)
    cells = list(CELLS.items())
    first = number % len(cells)
    return {name: run_cell(cluster, leader, watched, rate, options)
            for name, watched in cells[first:] + cells[:first]}


def summarize(rounds):
    """Medians over the rounds; `ratio` is of puts/s, `ratios` are those of the single rounds."""
    cells = {}
    for name in CELLS:
        runs = [one[name] for one in rounds]
        cells[name] = {figure: round(statistics.median(run[figure] for run in runs), 1)
                       for figure in runs[0] if figure != "problem"}
        cells[name]["ratios"] = [round(one[name]["puts_per_s"] / one["alone"]["puts_per_s"], 3)
                                 for one in rounds]
        cells[name]["ratio"] = statistics.median(cells[name]["ratios"])
    problem = next((run["problem"] for one in rounds for run in one.values() if run["problem"]),
                   None)
    return {"cells": cells, "problem": problem}
