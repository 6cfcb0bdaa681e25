"""Tests of what compare.py computes and of how it cleans up. Run by ctest, or:
python3 -m unittest discover -s bench/compare -p '*_test.py'"""

import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import compare  # pylint: disable=wrong-import-position
import procstat  # pylint: disable=wrong-import-position
import report  # pylint: disable=wrong-import-position
import servers  # pylint: disable=wrong-import-position
import syncprobe  # pylint: disable=wrong-import-position


class ProcstatTest(unittest.TestCase):
    def test_cpu_time_is_read_behind_a_name_with_spaces_and_parentheses(self):
        text = "12 (a ) b) S " + " ".join(["0"] * 10) + " 250 50 0 0"
        self.assertEqual(procstat.parse_stat_cpu(text), 300 / procstat.TICK)

    def test_own_process_has_cpu_time_and_memory(self):
        self.assertGreater(procstat.cpu_seconds(os.getpid()), 0)
        values = procstat.memory(os.getpid())
        self.assertGreater(values["rss"], 1 << 20)
        self.assertGreaterEqual(values["peak"], values["rss"])
        self.assertGreater(values["pss"], 0)

    def test_a_file_opened_for_synchronous_writes_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            fd = os.open(os.path.join(directory, "f"), os.O_CREAT | os.O_WRONLY | os.O_DSYNC)
            try:
                self.assertIn(fd, procstat.dsync_descriptors(os.getpid()))
            finally:
                os.close(fd)

    def test_perf_counts_are_read_by_call(self):
        text = ("# started\n\n12,,syscalls:sys_enter_fdatasync,1,100.00,,\n"
                "0,,syscalls:sys_enter_fsync,1,100.00,,\n"
                "<not counted>,,syscalls:sys_enter_msync,0,0.00,,\n")
        self.assertEqual(procstat.parse_perf(text), {"fdatasync": 12})

    def test_strace_counts_calls_once_and_writes_only_to_synchronous_files(self):
        text = ("7 fdatasync(3) = 0\n"
                "8 fsync(4 <unfinished ...>\n"
                "8 <... fsync resumed>) = 0\n"
                "7 pwrite64(5, \"x\"..., 1, 0) = 1\n"
                "7 pwrite64(6, \"x\"..., 1, 0) = 1\n")
        self.assertEqual(procstat.parse_strace(text, [6]),
                         {"fdatasync": 1, "fsync": 1, "pwrite64": 1})


class ReportTest(unittest.TestCase):
    def test_medians_leave_out_what_is_not_a_number(self):
        rounds = [{"a": 1, "e": None}, {"a": 9, "e": "text"}, {"a": 2}, {}]
        self.assertEqual(report.medians(rounds), {"a": 2})

    def test_ratios_are_subject_over_baseline(self):
        summary = report.summarize(
            {"put/1x1": {"subject": [{"ops_per_s": 30}], "baseline": [{"ops_per_s": 10}]}})
        self.assertEqual(summary["put/1x1"]["ratio"]["ops_per_s"], 3)

    def test_a_side_that_failed_leaves_the_target_unmeasured(self):
        summary = report.summarize({"put/1x1": {"subject": [], "baseline": [{"ops_per_s": 10}]}})
        verdict = report.verdicts(summary)[0]
        self.assertIsNone(verdict["met"])

    def test_verdicts_compare_in_the_right_direction(self):
        summary = report.summarize({
            "put/10x100": {"subject": [{"ops_per_s": 26}], "baseline": [{"ops_per_s": 10}]},
            "big/memory-ranged": {"subject": [{"rss_mb": 60}], "baseline": [{"rss_mb": 100}]},
            "failover/gap": {"subject": [{"worst_gap_ms": 399}], "baseline": [{}]},
        })
        met = {verdict["what"]: verdict["met"] for verdict in report.verdicts(summary)}
        self.assertEqual(met, {"put 10x100": True, "memory after a full range": False,
                               "longest write gap after kill -9, ms": True})

    def test_the_spread_is_relative_to_the_median(self):
        self.assertEqual(report.spread([{"x": 8}, {"x": 10}, {"x": 12}], "x"), 0.4)
        self.assertIsNone(report.spread([], "x"))


class SelectionTest(unittest.TestCase):
    def test_a_group_or_one_of_its_cells_can_be_chosen(self):
        names, wanted = compare.selected(["put/1x1", "watch"])
        self.assertEqual(names, ["put", "watch"])
        self.assertTrue(wanted("put/1x1"))
        self.assertFalse(wanted("put/50x1"))
        self.assertTrue(wanted("watch/max"))

    def test_an_unknown_group_is_refused(self):
        with self.assertRaises(SystemExit):
            compare.selected(["nonsense"])


class SyncProbeTest(unittest.TestCase):
    def test_percentiles_are_by_nearest_rank(self):
        self.assertEqual(syncprobe.percentile([3, 1, 2, 4], 50), 2)
        self.assertEqual(syncprobe.percentile([3, 1, 2, 4], 99), 4)
        self.assertIsNone(syncprobe.percentile([], 50))

    def test_the_probe_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as directory:
            found = syncprobe.probe(directory, count=3)
            self.assertGreater(found["overwrite_p50_us"], 0)
            self.assertEqual(os.listdir(directory), [])


class FakeKvbench:
    """Says that a cluster is never ready, or fails as told."""

    def __init__(self, error=None):
        self.error = error

    def status(self, _endpoints, wait=0):
        del wait
        if self.error:
            raise self.error
        return None


class Sleeper(servers.ServerKind):
    """A "server" that does nothing but run."""

    def argv(self, member, cluster_flag, quota_bytes):
        return [sys.executable, "-c", "import time; time.sleep(600)"]


class CleanUpTest(unittest.TestCase):
    def _assert_cleaned(self, error, expected):
        with tempfile.TemporaryDirectory() as parent:
            cluster = servers.Cluster(Sleeper("sleeper", "-"), 1, parent, FakeKvbench(error))
            with self.assertRaises(expected):
                with cluster:
                    self.fail("the cluster cannot be ready")
            self.assertEqual(os.listdir(parent), [])
            for member in cluster.members:
                self.assertFalse(member.alive())

    def test_a_cluster_that_is_never_ready_is_stopped_and_removed(self):
        self._assert_cleaned(None, servers.ClusterError)

    def test_an_interrupt_stops_and_removes_it_too(self):
        self._assert_cleaned(KeyboardInterrupt(), KeyboardInterrupt)

    def test_members_end_with_the_program_that_started_them(self):
        here = os.path.dirname(os.path.abspath(__file__))
        code = ("import sys, os, signal; sys.path.insert(0, sys.argv[1]); import servers\n"
                "m = servers.Member(0, 1, sys.argv[2])\n"
                "m.start([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
                "print(m.pid, flush=True)\n"
                "os.kill(os.getpid(), signal.SIGKILL)\n")
        with tempfile.TemporaryDirectory() as parent:
            result = subprocess.run([sys.executable, "-c", code, here, parent],
                                    capture_output=True, text=True, check=False)
            pid = int(result.stdout)
            deadline = time.monotonic() + 10
            while running(pid) and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertFalse(running(pid))


def running(pid):
    """Whether a process exists and has not ended (an orphan may wait as a zombie for init)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    unittest.main()
