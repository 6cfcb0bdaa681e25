"""Runs the kvbench binary and reads its JSON."""

import json
import resource
import subprocess


class KvbenchError(Exception):
    """kvbench could not run at all (errors of single operations are in its report instead)."""


class Kvbench:
    """The binary, and the flags that every call shares."""

    def __init__(self, binary):
        self.binary = binary

    def argv(self, command, endpoints, **flags):
        argv = [self.binary, command, "--endpoints", endpoints]
        for name, value in flags.items():
            flag = "--" + name.replace("_", "-")
            if value is True:
                argv.append(flag)
            elif value is not None and value is not False:
                argv += [flag, str(value)]
        return argv

    def start(self, command, endpoints, **flags):
        """Starts a load in the background; finish() reads its report."""
        argv = self.argv(command, endpoints, json="-", **flags)
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        out, err = process.communicate()
        try:
            report = json.loads(out)
        except ValueError as error:
            raise KvbenchError(f"{' '.join(process.args)}: {err.strip() or error}") from error
        return report

    def load(self, command, endpoints, **flags):
        """Runs a load to its end and returns its report."""
        process = self.start(command, endpoints, **flags)
        try:
            return self.finish(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def tool(self, command, endpoints, **flags):
        """Runs scan, compact or probe; returns their JSON."""
        argv = self.argv(command, endpoints, **flags)
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise KvbenchError(f"{' '.join(argv)}: {result.stderr.strip()}")
        return json.loads(result.stdout)

    def status(self, endpoints, wait=0):
        """Status of every endpoint, or None if they do not agree on a leader in time."""
        argv = self.argv("status", endpoints, wait=wait, json="-")
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
        return json.loads(result.stdout) if result.returncode == 0 else None


def children_cpu_seconds():
    """User and system time of the children that have ended and been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def first_error(report):
    """The first error text of a load report, or None."""
    for op in report["ops"].values():
        for error in op["errors"]:
            return f"{error['count']} x {error['code']}: {error['first']}"
    watch = report.get("watch")
    if watch and watch["missing"] + watch["out_of_order"] + watch["broken"]:
        return (f"watch: missing {watch['missing']}, out of order {watch['out_of_order']}, "
                f"broken {watch['broken']}: {watch['first_problem']}")
    return None
