"""What one durable write costs on the device that holds the data: the floor of every put."""

import os
import time

BLOCK = 4096


def percentile(values, percent):
    """Nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def _timed_syncs(fd, offsets):
    block = os.urandom(BLOCK)
    micros = []
    for offset in offsets:
        start = time.perf_counter_ns()
        os.pwrite(fd, block, offset)
        os.fdatasync(fd)
        micros.append((time.perf_counter_ns() - start) / 1000)
    return micros


def probe(directory, count=200):
    """fdatasync of 4 KiB, in microseconds: overwriting a file that was zeroed before, and growing
    one."""
    path = os.path.join(directory, "syncprobe")
    results = {}
    try:
        for name, zeroed in (("overwrite", True), ("growing", False)):
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                if zeroed:
                    os.pwrite(fd, bytes(BLOCK * count), 0)
                    os.fsync(fd)
                micros = _timed_syncs(fd, range(0, BLOCK * count, BLOCK))
            finally:
                os.close(fd)
            results[name + "_p50_us"] = percentile(micros, 50)
            results[name + "_p99_us"] = percentile(micros, 99)
    finally:
        if os.path.exists(path):
            os.unlink(path)
    return results
