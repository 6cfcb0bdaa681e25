"""Clients of other languages, as their registries have them, against three members that fail.

    clients_test.py [--server kvd|etcd] [--bin DIR] [--build DIR] [NAME...]

Prints a line for each scenario of each program, then a table. Exit code 1 if any failed. README.md
has the programs, the scenarios and the lines by which program and runner speak.
"""

import argparse
import collections
import os
import subprocess
import sys
import threading

import programs
from members import Members

VERBS = ("kill", "stop", "start", "start-next", "join", "await-end")


class Results:
    """Outcomes by program: scenario -> (outcome, detail)."""

    def __init__(self):
        self.titles = {}
        self.by_program = collections.defaultdict(dict)

    def add(self, program, scenario, outcome, detail=""):
        self.by_program[program.name][scenario] = outcome
        print(f"{outcome:8}{program.name:16}{scenario:18}{detail}".rstrip(), flush=True)

    def count(self, outcome, name=None):
        return sum(list(self.by_program[each].values()).count(outcome)
                   for each in ([name] if name else list(self.by_program)))

    def table(self):
        print(f"\n{'program':16}{'client':24}{'passed':>8}{'failed':>8}{'skipped':>8}")
        for name, title in self.titles.items():
            print(f"{name:16}{title:24}{self.count('ok', name):8}{self.count('FAILED', name):8}"
                  f"{self.count('skipped', name):8}")
        print(f"{self.count('ok')} passed, {self.count('FAILED')} failed, "
              f"{self.count('skipped')} skipped", flush=True)


def converse(process, members, program, results):
    """Takes the program's lines until it ends; carries out what it asks for."""
    outcomes = {"pass": "ok", "fail": "FAILED", "skip": "skipped"}
    for line in process.stdout:
        verb, _, rest = line.strip().partition(" ")
        if verb in VERBS:
            process.stdin.write(members.command(verb, rest) + "\n")
            process.stdin.flush()
        elif verb in outcomes:
            scenario, _, detail = rest.partition(" ")
            results.add(program, scenario, outcomes[verb], detail)
        else:
            print(f"{'':8}{program.name:16}{line.rstrip()}", flush=True)


def run_program(program, command, members, results, errors_path):
    environment = {**program.environment(), "SERVER": members.server,
                   "SPARE_ENDPOINT": members.spare.endpoint,
                   "SPARE_PEER_URL": members.peer_url(members.spare)}
    with open(errors_path, "w") as errors:
        process = subprocess.Popen([*command, members.endpoints], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=errors, text=True,
                                   env=environment)
    timer = threading.Timer(program.limit, process.kill)
    timer.start()
    try:
        converse(process, members, program, results)
        process.wait()
    finally:
        late = not timer.is_alive()
        timer.cancel()
        process.kill()
        process.wait()
    if process.returncode != 0:
        why = f"took over {program.limit} s" if late else f"ended with {process.returncode}"
        for scenario in program.scenarios:
            if scenario not in results.by_program[program.name]:
                results.add(program, scenario, "FAILED", why)
        with open(errors_path) as errors:
            print("".join(errors.readlines()[-15:]), file=sys.stderr)


def run_one(program, options, results):
    results.titles[program.name] = program.title()
    try:
        if options.server not in program.servers:
            raise programs.Skip(f"not with {options.server}")
        command = program.prepare()
    except programs.Skip as skip:
        for scenario in program.scenarios:
            results.add(program, scenario, "skipped", str(skip))
        return
    except programs.Broken as broken:
        results.add(program, "build", "FAILED")
        print(broken, file=sys.stderr)
        return
    logs = os.path.join(options.build, "logs", options.server, program.name)
    os.makedirs(logs, exist_ok=True)
    members = Members(options.server, options.bin)
    try:
        members.start()
        run_program(program, command, members, results, os.path.join(logs, "stderr"))
        for scenario in program.scenarios:
            if scenario not in results.by_program[program.name]:
                results.add(program, scenario, "FAILED", "said nothing of it")
    finally:
        members.keep_logs(logs)
        members.stop()


def main():
    parser = argparse.ArgumentParser(prog="./dev test --clients", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", choices=("kvd", "etcd"), default="kvd")
    parser.add_argument("--bin", default=os.path.join(programs.ROOT, "build/release/bin"))
    parser.add_argument("--build", default=os.path.join(programs.ROOT, "build/clients"))
    names = [each.name for each in programs.PROGRAMS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no program {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    results = Results()
    for kind in programs.PROGRAMS:
        if kind.name in options.names or not (options.names or kind.only_by_name):
            run_one(kind(options.build), options, results)
    results.table()
    return 1 if results.count("FAILED") else 0


if __name__ == "__main__":
    sys.exit(main())
