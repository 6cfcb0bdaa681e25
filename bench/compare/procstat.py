"""What the kernel says about processes and the device, read from outside of them."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
SYNC_CALLS = ("fsync", "fdatasync", "msync", "sync_file_range")
SYNCING_WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2")
O_DSYNC = 0o10000


def parse_stat_cpu(text):
    """User + system seconds from the content of /proc/PID/stat."""
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return parse_stat_cpu(stat.read())


def total_cpu_seconds(pids):
    return sum(cpu_seconds(pid) for pid in pids)


def machine_busy_seconds():
    """Seconds that all CPUs together were not idle; time stolen by the host counts as busy."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(field) for field in stat.readline().split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / TICK


def parse_kib_fields(text, names):
    """Bytes of the fields "Name:   123 kB"."""
    values = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in names:
            values[names[name]] = int(rest.split()[0]) * 1024
    return values


def memory(pid):
    """rss, peak rss and pss in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        values = parse_kib_fields(status.read(), {"VmRSS": "rss", "VmHWM": "peak"})
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as rollup:
        values.update(parse_kib_fields(rollup.read(), {"Pss": "pss"}))
    return values


def largest_memory(pids):
    return max((memory(pid) for pid in pids), key=lambda values: values["rss"])


def dsync_descriptors(pid):
    """Open files on which every write is a sync."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
                flags = next(line for line in info if line.startswith("flags:"))
        except (OSError, StopIteration):
            continue
        if int(flags.split()[1], 8) & O_DSYNC:
            found.append(int(fd))
    return found


class SyncCounter:
    """Counts sync calls of processes: with perf where the kernel's tracepoints can be read, else with
    strace. Writes to files opened with O_DSYNC or O_SYNC count as syncs. Both see system calls only:
    a sync through io_uring shows in the device's flushes alone."""

    def __init__(self, pids):
        self.pids = pids
        self.method = "perf" if self._perf_works() else "strace"
        if self.method == "strace" and shutil.which("strace") is None:
            raise RuntimeError("counting syncs needs perf (linux-perf) or strace")
        self._runs = []

    @staticmethod
    def _perf_works():
        if shutil.which("perf") is None:
            return False
        result = subprocess.run(["perf", "stat", "-e", "syscalls:sys_enter_fdatasync", "true"],
                                capture_output=True, check=False)
        return result.returncode == 0 and b"not supported" not in result.stderr

    def __enter__(self):
        for pid in self.pids:
            with tempfile.NamedTemporaryFile(delete=False, suffix=".syncs") as output:
                path = output.name
            argv = self._perf_argv(pid, path) if self.method == "perf" else (
                self._strace_argv(pid, path))
            process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self._runs.append((pid, process, path, dsync_descriptors(pid)))
        time.sleep(0.3)  # both tools need a moment to attach; a few calls more or less do not matter
        return self

    def _perf_argv(self, pid, path):
        argv = ["perf", "stat", "-x", ",", "-o", path, "-p", str(pid)]
        for call in SYNC_CALLS:
            argv += ["-e", f"syscalls:sys_enter_{call}"]
        descriptors = dsync_descriptors(pid)
        if descriptors:
            wanted = " || ".join(f"fd=={fd}" for fd in descriptors)
            for call in SYNCING_WRITES:
                argv += ["-e", f"syscalls:sys_enter_{call}", "--filter", wanted]
        return argv

    @staticmethod
    def _strace_argv(pid, path):
        calls = SYNC_CALLS + (SYNCING_WRITES if dsync_descriptors(pid) else ())
        return ["strace", "-f", "-qq", "-e", "signal=none", "-e", "trace=" + ",".join(calls),
                "-o", path, "-p", str(pid)]

    def __exit__(self, *_):
        for _, process, _, _ in self._runs:
            process.send_signal(signal.SIGINT)
        for _, process, _, _ in self._runs:
            process.communicate()

    def counts(self):
        """Calls by name over all processes. Call it after the with-block."""
        totals = {}
        for _, _, path, descriptors in self._runs:
            with open(path, encoding="utf-8", errors="replace") as output:
                text = output.read()
            os.unlink(path)
            parse = parse_perf if self.method == "perf" else parse_strace
            for call, count in parse(text, descriptors).items():
                totals[call] = totals.get(call, 0) + count
        return totals


def parse_perf(text, _descriptors=()):
    """Counts by call from `perf stat -x ,`."""
    counts = {}
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) < 3 or not fields[0].isdigit():
            continue
        call = fields[2].removeprefix("syscalls:sys_enter_")
        if int(fields[0]) > 0:
            counts[call] = counts.get(call, 0) + int(fields[0])
    return counts


def parse_strace(text, descriptors=()):
    """Counts by call from strace's log: calls begun, not their resumed second halves."""
    counts = {}
    for line in text.splitlines():
        head, parenthesis, rest = line.partition("(")
        call = head.split()[-1] if head.split() else ""
        if not parenthesis or call not in SYNC_CALLS + SYNCING_WRITES:
            continue
        if call in SYNCING_WRITES:
            fd = rest.split(",")[0]
            if not fd.isdigit() or int(fd) not in descriptors:
                continue
        counts[call] = counts.get(call, 0) + 1
    return counts


def device_of(path):
    """Name of the whole disk under a directory, or None where there is none."""
    device = os.stat(path).st_dev
    link = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    if not os.path.exists(link):
        return None
    real = os.path.realpath(link)
    if os.path.exists(os.path.join(real, "partition")):
        real = os.path.dirname(real)
    return os.path.basename(real)


def device_flushes(device):
    """Flush requests that the device has completed, by anyone; None if the kernel does not say."""
    if device is None:
        return None
    with open(f"/sys/block/{device}/stat", encoding="ascii") as stat:
        fields = stat.read().split()
    return int(fields[15]) if len(fields) > 15 else None
