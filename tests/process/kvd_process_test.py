"""kvd as a process among others: kvd_process_test.py BIN, from the repository's root.

What a service manager, a log reader and an operator meet: versions, sockets, signals, files.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, "deploy")
import cluster as deploy  # noqa: E402: the path comes first

BIN = Path(sys.argv.pop(1))
DEADLINE = 20


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def answer_of(connection, path):
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class KvdTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="kvd-process-")
        self.addCleanup(self.dir.cleanup)
        self.client, self.peer = deploy.free_ports([2379, 2380])
        self.log = self.path("log")

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def flags(self, **changed):
        client, peer = f"http://127.0.0.1:{self.client}", f"http://127.0.0.1:{self.peer}"
        flags = {
            "name": "m1",
            "data-dir": self.path("data"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"m1={peer}",
        }
        flags.update({name.replace("_", "-"): value for name, value in changed.items()})
        return flags

    def start(self, flags, environment=None, stderr=None):
        out = stderr if stderr is not None else open(self.log, "wb")
        process = subprocess.Popen(
            [BIN / "kvd", *(f"--{name}={value}" for name, value in flags.items())],
            stdout=subprocess.DEVNULL,
            stderr=out,
            env=dict(os.environ, **(environment or {})),
        )
        if stderr is None:
            out.close()
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()

    def wait(self, what, condition):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def logged(self, text, name=None):
        path = name or self.log
        return os.path.exists(path) and text in Path(path).read_text()

    def wait_ready(self, name=None):
        self.wait("ready", lambda: self.logged("ready to serve client requests", name))

    def health(self):
        try:
            return answer_of(
                http.client.HTTPConnection("127.0.0.1", self.client, timeout=DEADLINE), "/health"
            )
        except OSError:
            return 0, ""

    def test_version_begins_as_tools_expect_it(self):
        out = subprocess.run([BIN / "kvd", "--version"], capture_output=True, text=True, check=True)
        lines = out.stdout.splitlines()
        self.assertRegex(lines[0], r"^etcd Version: \d+\.\d+\.\d+$")
        self.assertRegex(lines[1], r"^Git SHA: ([0-9a-f]{12}|unknown)$")
        self.assertRegex(lines[3], r"^Go OS/Arch: linux/\w+$")

    def test_exit_codes_tell_a_wrong_flag_from_a_wrong_start(self):
        def code(*arguments):
            run = subprocess.run([BIN / "kvd", *arguments], capture_output=True, text=True)
            return run.returncode, run.stderr

        self.assertEqual(code("--nmae=x")[0], 2)
        self.assertIn("did you mean --name?", code("--nmae=x")[1])
        self.assertEqual(code("serve")[0], 1)
        self.assertEqual(code("--listen-client-urls=http://127.0.0.1:1")[0], 1)
        refused = code("--cert-file=/pki/server.crt")
        self.assertEqual(refused[0], 1)
        self.assertIn("--cert-file can't be honoured", refused[1])

    def test_a_service_manager_hears_when_it_serves_and_when_it_leaves(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        notify.bind(self.path("notify"))
        notify.settimeout(DEADLINE)
        process = self.start(self.flags(), {"NOTIFY_SOCKET": self.path("notify")})
        self.assertIn(b"READY=1", notify.recv(4096))
        self.assertNotEqual(self.health()[0], 0)
        process.send_signal(signal.SIGTERM)
        self.assertIn(b"STOPPING=1", notify.recv(4096))
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_clients_reach_it_by_several_urls_and_a_unix_socket(self):
        further = deploy.free_ports([32379, 42379])
        sock = self.path("kvd.sock")
        flags = self.flags(listen_client_http_urls=f"http://127.0.0.1:{further[1]}")
        flags["listen-client-urls"] += f",http://127.0.0.1:{further[0]},unix://{sock}"
        process = self.start(flags)
        self.wait_ready()
        for port in (self.client, *further):
            status, _ = answer_of(
                http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE), "/version"
            )
            self.assertEqual(status, 200)
        self.assertEqual(answer_of(UnixConnection(sock), "/version")[0], 200)
        out = subprocess.run(
            [BIN / "kvctl", "--endpoints", f"unix:{sock}", "put", "a", "b"],
            capture_output=True,
            text=True,
        )
        self.assertEqual(out.stdout, "OK\n", out.stderr)
        process.terminate()
        process.wait(DEADLINE)
        self.assertFalse(os.path.exists(sock))

    def test_a_reader_of_the_log_that_is_stuck_stops_nothing(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        os.set_blocking(write_end, False)
        try:
            while True:
                os.write(write_end, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(write_end, True)
        process = self.start(self.flags(log_level="debug"), stderr=write_end)
        os.close(write_end)
        self.wait("healthy", lambda: self.health()[0] == 200)
        began = time.monotonic()
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), 0)
        self.assertLess(time.monotonic() - began, 5)

    def test_logs_go_to_files_as_objects_or_as_columns(self):
        path = self.path("kvd.log")
        process = self.start(self.flags(log_outputs=f"stderr,{path}"))
        self.wait_ready(path)
        process.terminate()
        process.wait(DEADLINE)
        for line in Path(path).read_text().splitlines():
            self.assertLessEqual({"level", "ts", "caller", "msg"}, json.loads(line).keys())
        self.assertEqual(Path(path).read_text(), Path(self.log).read_text())

        self.log = self.path("console")
        self.start(self.flags(log_format="console"))
        self.wait_ready()
        self.assertRegex(Path(self.log).read_text(), r"\d{6}Z\tinfo\tserver/kvd\tready to serve")

    def test_lines_that_tools_wait_for_come_at_every_start(self):
        for start in ("first", "second"):
            process = self.start(self.flags())
            for line in (
                "enabled capabilities for version",
                "ready to serve client requests",
                "published local member to cluster through raft",
            ):
                self.wait(f"{start}: {line}", lambda: self.logged(line))
            process.terminate()
            self.assertEqual(process.wait(DEADLINE), 0)

    def test_flags_come_from_a_file_or_from_variables(self):
        file = self.path("kvd.yml")
        Path(file).write_text("".join(f"{k}: {v}\n" for k, v in self.flags().items()))
        process = self.start({"config-file": file})
        self.wait_ready()
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), 0)

        self.log = self.path("second")
        variables = {
            "ETCD_" + name.replace("-", "_").upper(): value for name, value in self.flags().items()
        }
        self.start({}, variables)
        self.wait("healthy", lambda: self.health()[0] == 200)

    def test_the_log_of_writes_may_have_a_directory_of_its_own(self):
        flags = self.flags(wal_dir=self.path("wal"))
        for value in ("first", "second"):
            self.log = self.path(value)
            process = self.start(flags)
            self.wait_ready()
            kvctl = [BIN / "kvctl", "--endpoints", f"127.0.0.1:{self.client}"]
            subprocess.run([*kvctl, "put", value, value], check=True, stdout=subprocess.DEVNULL)
            process.kill()
            process.wait()
        self.assertTrue(os.listdir(self.path("wal")))
        self.assertFalse(os.path.exists(self.path("data/member/wal")))
        self.log = self.path("third")
        self.start(flags)
        self.wait_ready()
        out = subprocess.run(
            [*kvctl, "get", "--prefix", "", "--print-value-only"], capture_output=True, text=True
        )
        self.assertEqual(out.stdout, "first\nsecond\n", out.stderr)


class LeavingTest(unittest.TestCase):
    def test_a_leader_hands_over_and_leaves_within_five_seconds(self):
        cluster = deploy.Cluster(BIN)
        self.addCleanup(cluster.stop)
        cluster.start()
        cluster.wait_healthy()
        leader = cluster.leader()
        rest = [member for member in cluster.members if member is not leader]
        began = time.monotonic()
        leader.kill(signal.SIGTERM)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(leader.process.returncode, 0)
        # It waited until another one led.
        self.assertIn("no longer leads", leader.log_tail())
        cluster.kvctl("put", "a", "b", members=rest)


if __name__ == "__main__":
    unittest.main()
