"""Clusters of three members on loopback, of any server that takes etcd's flags."""

import ctypes
import os
import shutil
import signal
import subprocess
import time

MEMBERS = 3
PR_SET_PDEATHSIG = 1


class ServerKind:
    """How to start one member of a server. Subclass it where a server needs other flags."""

    def __init__(self, name, binary):
        self.name = name
        self.binary = binary

    def extra_flags(self):
        return []

    def argv(self, member, cluster_flag, quota_bytes):
        return [
            self.binary,
            "--name", member.name,
            "--data-dir", member.data_dir,
            "--listen-client-urls", member.client_url,
            "--advertise-client-urls", member.client_url,
            "--listen-peer-urls", member.peer_url,
            "--initial-advertise-peer-urls", member.peer_url,
            "--initial-cluster", cluster_flag,
            "--initial-cluster-state", "new",
            "--initial-cluster-token", "compare",
            "--quota-backend-bytes", str(quota_bytes),
            "--heartbeat-interval", "100",
            "--election-timeout", "1000",
            "--log-level", "warn",
        ] + self.extra_flags()

    def version(self):
        try:
            result = subprocess.run([self.binary, "--version"], capture_output=True, text=True,
                                    timeout=10, check=False)
        except OSError as error:
            raise SystemExit(f"cannot run {self.binary}: {error}") from error
        lines = (result.stdout + result.stderr).strip().splitlines()
        # kvd's first line is etcd's, for scripts that look for it.
        named = [line for line in lines if line.startswith("Keelson")]
        return (named or lines or ["unknown"])[0]


class Etcd(ServerKind):
    """Debian's etcd-server; nothing beyond the common flags."""


class Kvd(ServerKind):
    """Keelson; nothing beyond the common flags."""


def kind_of(binary, name):
    """The kind for a binary, told by its file name."""
    return (Kvd if os.path.basename(binary).startswith("kvd") else Etcd)(name, binary)


def _die_with_parent():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Member:
    """One member: its addresses, its directory and, while it runs, its process."""

    def __init__(self, index, base_port, work_dir):
        self.name = f"m{index}"
        self.client_port = base_port + 2 * index
        self.peer_port = self.client_port + 1
        self.client_url = f"http://127.0.0.1:{self.client_port}"
        self.peer_url = f"http://127.0.0.1:{self.peer_port}"
        self.data_dir = os.path.join(work_dir, self.name)
        self.log_path = os.path.join(work_dir, self.name + ".log")
        self.process = None

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.client_port}"

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def start(self, argv):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=_die_with_parent)

    def kill(self):
        """SIGKILL, and wait until the process is gone."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def log_tail(self, lines=5):
        with open(self.log_path, "rb") as log:
            return b"\n".join(log.read().splitlines()[-lines:]).decode(errors="replace")


class ClusterError(Exception):
    """A cluster did not do what every server must do; the cell fails, the run goes on."""


class Cluster:
    """Three members in a directory of their own. Use as a context manager: leaving it stops the
    members and removes the directory, whatever happened."""

    def __init__(self, kind, base_port, parent_dir, kvbench, quota_bytes=16 << 30):
        self.kind = kind
        self.kvbench = kvbench
        self.quota_bytes = quota_bytes
        self.work_dir = os.path.join(parent_dir, f"{kind.name}-{time.monotonic_ns()}")
        self.members = [Member(i, base_port, self.work_dir) for i in range(MEMBERS)]

    def __enter__(self):
        os.makedirs(self.work_dir)
        try:
            for member in self.members:
                self.start_member(member)
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def endpoints(self):
        return ",".join(member.endpoint for member in self.members)

    @property
    def pids(self):
        return [member.pid for member in self.members if member.alive()]

    def start_member(self, member):
        flag = ",".join(f"{m.name}={m.peer_url}" for m in self.members)
        member.start(self.kind.argv(member, flag, self.quota_bytes))

    def stop(self):
        for member in self.members:
            member.kill()
        shutil.rmtree(self.work_dir, ignore_errors=True)

    def check_alive(self):
        for member in self.members:
            if not member.alive():
                raise ClusterError(f"{self.kind.name} {member.name} died: {member.log_tail()}")

    def wait_ready(self, seconds=30):
        """Waits until every member answers and all name the same leader."""
        members = self.kvbench.status(self.endpoints, wait=seconds)
        if members is None:
            self.check_alive()
            raise ClusterError(f"{self.kind.name}: no agreed leader after {seconds} s")
        return members

    def leader(self):
        self.wait_ready()
        return self.leader_among(self.members)

    def leader_among(self, members):
        statuses = self.kvbench.status(",".join(member.endpoint for member in members), wait=10)
        for member, status in zip(members, statuses or []):
            if status["member_id"] == status["leader"]:
                return member
        raise ClusterError(f"{self.kind.name}: none of {[m.name for m in members]} leads")

    def a_follower(self):
        leader = self.leader()
        return next(member for member in self.members if member is not leader)
