#!/usr/bin/env python3
"""Runs two servers with etcd's API side by side and reports how they compare.

Both run as three members on loopback, started fresh for every group of cells, in rounds that
alternate A/B, B/A, with their data on the same disk and every sync on. All load comes from kvbench
and, unless the cell says otherwise, goes to the leader.

  compare.py                          everything, 5 rounds: about half an hour
  compare.py --quick                  a floor: one short round of everything, about 4 minutes
  compare.py --only put --rounds 7    one group; --only put/10x100 reports one cell of it
  compare.py --subject /usr/bin/etcd  etcd against itself: ratios near 1 show the noise
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time

import procstat
import report
import syncprobe
from cells import CELL_ERRORS, Environment, Settings, groups
from kvbench_tool import Kvbench
from servers import kind_of

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs"}
# More CPU than this used by others makes a cell's figures doubtful.
FOREIGN_CPU_LIMIT = 10
ONCE = ("syncs", "big")  # groups that --rounds does not repeat


def parse_args(argv):
    bin_dir = os.path.join(ROOT, "build", "release", "bin")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", default=os.path.join(bin_dir, "kvd"),
                        help="server to be judged (%(default)s)")
    parser.add_argument("--baseline", default="/usr/bin/etcd",
                        help="server to compare with (%(default)s)")
    parser.add_argument("--kvbench", default=os.path.join(bin_dir, "kvbench"))
    parser.add_argument("--only", action="append", metavar="GROUP[/CELL]",
                        help="run only these; may be repeated: " + ", ".join(groups()))
    parser.add_argument("--rounds", type=int, help="rounds of each group (5; --quick: 1)")
    parser.add_argument("--big-rounds", type=int, default=1,
                        help="rounds of the groups that load many keys (1)")
    parser.add_argument("--seconds", type=float, help="measured time of a cell (5; --quick: 2)")
    parser.add_argument("--big-keys", type=int, help="keys of the big group (1000000)")
    parser.add_argument("--lag-writes", type=int,
                        help="puts that a stopped follower misses before it comes back (210000)")
    parser.add_argument("--quick", action="store_true",
                        help="smallest run that still exercises every cell; figures are rough")
    parser.add_argument("--json", metavar="FILE", help="write everything there as JSON")
    parser.add_argument("--work-dir", default=os.path.join(ROOT, "build"),
                        help="where the data directories go; a real disk (%(default)s)")
    parser.add_argument("--base-port", type=int, default=21200,
                        help="first of 40 ports on loopback (%(default)s)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    return parser.parse_args(argv)


def settings_of(args):
    settings = Settings()
    if args.quick:
        settings = Settings(seconds=2, warmup=0.5, big_keys=100_000, failover_kills=1, restarts=1,
                            sync_seconds=1)
    if args.seconds:
        settings.seconds = args.seconds
    if args.big_keys:
        settings.big_keys = args.big_keys
    if args.lag_writes:
        settings.lag_writes = args.lag_writes
    return settings


def file_system_of(path):
    """Type of the file system that holds a path."""
    best = ("", "unknown")
    with open("/proc/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            _, point, kind = line.split()[:3]
            inside = os.path.realpath(path).startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, kind)
    return best[1]


def selected(only):
    """Group names to run, and a predicate on "group/cell" for what to report."""
    every = groups()
    wanted = only or list(every)
    for item in wanted:
        if item.split("/")[0] not in every:
            raise SystemExit(f"--only {item}: no such group; there are {', '.join(every)}")
    names = [name for name in every if any(item.split("/")[0] == name for item in wanted)]
    return names, lambda cell: any(
        cell == item or cell.split("/")[0] == item for item in wanted)


class Comparison:
    """One run: rounds of groups, each for both systems."""

    def __init__(self, args, env, kinds):
        self.args = args
        self.env = env
        self.kinds = kinds  # side -> kind
        self.results = {}  # "group/cell" -> side -> [metrics]
        self.problems = []
        self.probes = []
        self.disturbed = []  # (percent of the CPU that others used, where)

    def run(self):
        names, report_cell = selected(self.args.only)
        every = groups()
        turn = 0
        for name in names:
            default_rounds = 1 if self.args.quick else 5
            rounds = self.args.big_rounds if name in ONCE else self.args.rounds or default_rounds
            for number in range(rounds):
                order = ["baseline", "subject"] if turn % 2 == 0 else ["subject", "baseline"]
                turn += 1
                self.probes.append(syncprobe.probe(self.env.work_dir))
                for side in order:
                    self.env.seed = number + 1
                    self._run_group(name, every[name], side, number, report_cell)

    def _run_group(self, name, group, side, number, report_cell):
        kind = self.kinds[side]
        started = time.monotonic()
        try:
            with contextlib.closing(group(self.env, kind)) as cells:
                for cell, metrics in cells:
                    self._take(f"{name}/{cell}", side, metrics, report_cell)
        except CELL_ERRORS as error:
            self.problems.append(f"{name}, {kind.name}, round {number + 1}: {error}")
        print(f"  {name} round {number + 1} {kind.name}: {time.monotonic() - started:.0f} s",
              file=sys.stderr, flush=True)

    def _take(self, cell, side, metrics, report_cell):
        if not report_cell(cell):
            return
        sides = self.results.setdefault(cell, {"baseline": [], "subject": []})
        sides[side].append(metrics)
        name = self.kinds[side].name
        if metrics.get("errors"):
            self.problems.append(f"{cell}, {name}: {metrics['errors']} errors, "
                                 f"first {metrics['first_error']}")
        if metrics.get("warning"):
            self.problems.append(f"{cell}, {name}: {metrics['warning']}")
        foreign = metrics.get("foreign_cpu_percent", 0)
        if foreign > FOREIGN_CPU_LIMIT:
            self.disturbed.append((foreign, f"{cell}, {name}"))

    def document(self):
        summary = report.summarize(self.results)
        device = report.medians(self.probes)
        if self.disturbed:
            percent, where = max(self.disturbed)
            self.problems.append(
                f"others used the CPU during {len(self.disturbed)} measurements, at worst "
                f"{percent:.0f} % ({where}): repeat on a quiet machine")
        device["name"] = procstat.device_of(self.env.work_dir) or "unknown"
        return {
            "systems": {side: {"name": kind.name, "binary": kind.binary, "version": kind.version()}
                        for side, kind in self.kinds.items()},
            "machine": {"cpus": os.cpu_count(), "kernel": platform.release(),
                        "file_system": file_system_of(self.env.work_dir),
                        "load_average": os.getloadavg()},
            "settings": vars(self.env.settings),
            "device": device,
            "summary": summary,
            "targets": report.verdicts(summary),
            "problems": self.problems,
            "rounds": self.results,
        }


def make_kinds(args):
    subject = os.path.basename(args.subject)
    baseline = os.path.basename(args.baseline)
    if subject == baseline:
        subject, baseline = subject + "-B", baseline + "-A"
    kinds = {"baseline": kind_of(args.baseline, baseline), "subject": kind_of(args.subject, subject)}
    for kind in kinds.values():
        print(f"{kind.name}: {kind.binary}, {kind.version()}", file=sys.stderr)
    return kinds


def on_terminate(_signal, _frame):
    raise KeyboardInterrupt


def main(argv):
    args = parse_args(argv)
    signal.signal(signal.SIGTERM, on_terminate)
    os.makedirs(args.work_dir, exist_ok=True)
    if file_system_of(args.work_dir) in MEMORY_FILE_SYSTEMS:
        raise SystemExit(f"--work-dir {args.work_dir} is in memory: syncs would cost nothing there")
    kinds = make_kinds(args)
    work_dir = tempfile.mkdtemp(prefix="compare.", dir=args.work_dir)
    env = Environment(Kvbench(args.kvbench), settings_of(args), work_dir, args.base_port)
    comparison = Comparison(args, env, kinds)
    interrupted = False
    try:
        comparison.run()
    except KeyboardInterrupt:
        interrupted = True
        comparison.problems.append("interrupted: what follows is incomplete")
    finally:
        if not comparison.probes:
            comparison.probes.append(syncprobe.probe(work_dir))
        document = comparison.document()
        shutil.rmtree(work_dir, ignore_errors=True)
    print(report.render(document))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump(document, out, indent=1)
    missed = any(target["met"] is not True for target in document["targets"])
    return 130 if interrupted else 1 if args.check and missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
