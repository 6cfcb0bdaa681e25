#!/usr/bin/env python3
"""What a client library costs its process: libkeelson beside etcd's client for Go, in turns.

    bench/client/client.py                          three members of kvd, five rounds: two minutes
    bench/client/client.py --server /usr/bin/etcd

CPU time per call, rate and latency of the calls, and memory of 1,000 watches with keys of their own.
Medians over the rounds go to standard output as a table.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench", "compare"))
sys.path.insert(0, os.path.join(ROOT, "tests", "clients"))

import kvbench_tool  # noqa: E402
import programs  # noqa: E402
import servers  # noqa: E402

CELLS = [("get, 1 caller", ["get", "1"]), ("get, 50 callers", ["get", "50"]),
         ("put, 1 caller", ["put", "1"]), ("put, 50 callers", ["put", "50"])]


class GoProbe(programs.Go):
    """The twin in Go, fetched and built as the programs of tests/clients are."""

    def __init__(self, build_root):
        super().__init__(build_root)
        self.source = os.path.join(ROOT, "bench", "client", "go")


def measure(command, endpoint, *arguments):
    done = subprocess.run([*command, endpoint, *map(str, arguments)], check=True, text=True,
                          capture_output=True, timeout=170)
    return json.loads(done.stdout)


def rounds_of(probes, endpoint, options):
    """{(cell, probe): [figures of each round]}"""
    figures = {}
    for turn in range(options.rounds):
        order = list(probes) if turn % 2 == 0 else list(reversed(probes))
        for title, arguments in CELLS:
            for name in order:
                command, how = probes[name]
                if how == "async" and arguments[1] == "1":
                    continue
                figures.setdefault((title, name), []).append(
                    measure(command, endpoint, how, *arguments, options.seconds))
        for name in order:
            command, how = probes[name]
            if how == "async":
                continue
            for kind in ("together", "separate"):
                figures.setdefault((f"1,000 watches {kind}", name), []).append(
                    measure(command, endpoint, "watches", 1000, kind))
    return figures


def report(figures):
    print("| | client | calls/s | CPU us per call | p50 us | p99 us | memory KB |")
    print("|---|---|---|---|---|---|---|")
    for title, name in sorted(figures):
        rounds = figures[title, name]

        def median(field):
            values = [figures_of[field] for figures_of in rounds if field in figures_of]
            return f"{statistics.median(values):,.1f}" if values else ""
        print(f"| {title} | {name} | {median('per_s')} | {median('cpu_us')} | "
              f"{median('p50_us')} | {median('p99_us')} | {median('kb')} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default=os.path.join(ROOT, "build/release/bin/kvd"))
    parser.add_argument("--probe", default=os.path.join(ROOT, "build/release/bin/client_probe"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--base-port", type=int, default=26100)
    options = parser.parse_args()
    go = GoProbe(os.path.join(ROOT, "build", "clients", "bench")).prepare()
    probes = {"libkeelson": ([options.probe], "calls"),
              "libkeelson, futures": ([options.probe], "async"), "clientv3 (Go)": (go, "calls")}
    work = os.path.join(ROOT, "build")
    with tempfile.TemporaryDirectory(dir=work, prefix="bench-client-") as directory:
        kind = servers.kind_of(options.server, os.path.basename(options.server))
        tool = kvbench_tool.Kvbench(os.path.join(os.path.dirname(options.probe), "kvbench"))
        with servers.Cluster(kind, options.base_port, directory, tool) as cluster:
            report(rounds_of(probes, cluster.leader().endpoint, options))


if __name__ == "__main__":
    main()
