"""Three members of Keelson on loopback, for people (follow the logs) or unattended (--smoke)."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

NAMES = ("m1", "m2", "m3")
COLORS = {"m1": "36", "m2": "33", "m3": "35"}


def free_ports(preferred):
    """The preferred ports, each raised by one until it is free and not taken by another of them."""
    ports = []
    for port in preferred:
        while True:
            with contextlib.closing(socket.socket()) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                    if port not in ports:
                        break
                except OSError:
                    pass
            port += 1
        ports.append(port)
    return ports


class Member:
    """One kvd process and where it lives."""

    def __init__(self, cluster, name, client_port, peer_port):
        self.cluster = cluster
        self.name = name
        self.client_port = client_port
        self.peer_port = peer_port
        self.data_dir = os.path.join(cluster.directory, name)
        self.log_path = os.path.join(cluster.directory, name + ".log")
        self.process = None

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.client_port}"

    def start(self, joins=None):
        """`joins`: the ETCD_ variables that `member add` has printed, for one that joins."""
        client, peer = f"http://{self.endpoint}", f"http://127.0.0.1:{self.peer_port}"
        command = [self.cluster.server, "--data-dir", self.data_dir,
                   "--listen-client-urls", client, "--advertise-client-urls", client,
                   "--listen-peer-urls", peer]
        if not joins:
            command += ["--name", self.name, "--initial-advertise-peer-urls", peer,
                        "--initial-cluster", self.cluster.initial_cluster(),
                        "--initial-cluster-token", "dev-cluster"]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, env={**os.environ, **(joins or {})})

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        if self.process:
            self.process.wait()

    def healthy(self):
        try:
            with urllib.request.urlopen(f"http://{self.endpoint}/health", timeout=1) as answer:
                return json.load(answer).get("health") == "true"
        except (OSError, ValueError):
            return False

    def log_tail(self, lines=15):
        with open(self.log_path, errors="replace") as log:
            return "".join(log.readlines()[-lines:])


class Cluster:
    """Three members, and the commands that speak to them.

    `server` is another program with kvd's flags, as etcd is; `preferred` are the ports of clients,
    then of peers."""

    def __init__(self, binaries, server=None,
                 preferred=(2379, 22379, 32379, 2380, 22380, 32380)):
        self.bin = os.path.abspath(binaries)
        self.server = server or os.path.join(self.bin, "kvd")
        self.directory = tempfile.mkdtemp(prefix="keelson-cluster-")
        # In one call: a client port that is raised may reach what would be a peer port.
        ports = free_ports(preferred)
        self.members = [Member(self, *each) for each in zip(NAMES, ports[:3], ports[3:])]

    def initial_cluster(self):
        return ",".join(f"{m.name}=http://127.0.0.1:{m.peer_port}" for m in self.members)

    def endpoints(self, members=None):
        return ",".join(m.endpoint for m in (members or self.members))

    def start(self):
        for member in self.members:
            member.start()

    def wait_healthy(self, members=None, seconds=20):
        deadline = time.monotonic() + seconds
        waiting = list(members or self.members)
        while waiting:
            waiting = [m for m in waiting if not m.healthy()]
            for member in waiting:
                if member.process.poll() is not None:
                    raise SystemExit(f"{member.name} ended with status {member.process.returncode};"
                                     f" its log says:\n{member.log_tail()}")
                if time.monotonic() > deadline:
                    raise SystemExit(f"{member.name} does not serve after {seconds} s;"
                                     f" its log says:\n{member.log_tail()}")
            time.sleep(0.05)

    def stop(self):
        for member in self.members:
            member.kill(signal.SIGTERM)
        shutil.rmtree(self.directory, ignore_errors=True)

    def kvctl(self, *arguments, members=None, stdin=None, timeout=30):
        return self.run([os.path.join(self.bin, "kvctl"), "--endpoints", self.endpoints(members),
                         *arguments], stdin, timeout)

    def etcdctl(self, *arguments, members=None, stdin=None, timeout=30):
        return self.run(["etcdctl", "--endpoints", self.endpoints(members), *arguments], stdin,
                        timeout)

    @staticmethod
    def run(command, stdin, timeout):
        done = subprocess.run(command, input=stdin, capture_output=True, text=True,
                              timeout=timeout, env={**os.environ, "ETCDCTL_API": "3"})
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}: "
                             f"{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def leader(self):
        status = json.loads(self.kvctl("-o", "json", "endpoint", "status"))
        for entry in status:
            body = entry["Status"]
            if body["leader"] == body["header"]["member_id"]:
                for member in self.members:
                    if member.endpoint in entry["Endpoint"]:
                        return member
        raise SystemExit(f"no leader among {status}")


def expect(what, condition, detail=""):
    if not condition:
        raise SystemExit(f"FAILED: {what} {detail}")
    print(f"ok      {what}", flush=True)


def smoke_basics(cluster):
    cluster.kvctl("put", "/smoke/a", "1")
    expect("a put by kvctl is read by etcdctl",
           cluster.etcdctl("get", "/smoke/a", "--print-value-only").strip() == "1")
    cluster.etcdctl("put", "/smoke/b", "2")
    got = cluster.kvctl("-o", "json", "get", "--prefix", "/smoke/")
    expect("a prefix read sees both", json.loads(got)["count"] in (2, "2"), got)
    answer = cluster.etcdctl("txn", stdin='version("/smoke/a") = "1"\n\nput /smoke/t yes\n\n'
                                          'put /smoke/t no\n\n')
    expect("a transaction takes its success branch", "SUCCESS" in answer, answer)
    expect("and its write is there",
           cluster.kvctl("-o", "simple", "get", "--print-value-only", "/smoke/t").strip() == "yes")


def smoke_lease(cluster):
    lease = cluster.etcdctl("lease", "grant", "2").split()[1]
    cluster.etcdctl("put", "/smoke/leased", "x", f"--lease={lease}")
    expect("a leased key is there", "x" in cluster.etcdctl("get", "/smoke/leased"))
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline and cluster.etcdctl("get", "/smoke/leased"):
        time.sleep(0.2)
    expect("it goes when its lease ends", cluster.etcdctl("get", "/smoke/leased") == "")


def smoke_kill(cluster):
    """Kills the leader under a watch and under writes; nothing acknowledged may be missing."""
    leader = cluster.leader()
    rest = [m for m in cluster.members if m is not leader]
    with tempfile.TemporaryFile("w+") as seen:
        watcher = subprocess.Popen(
            [os.path.join(cluster.bin, "kvctl"), "--endpoints", cluster.endpoints(rest),
             "-o", "simple", "watch", "--prefix", "/smoke/k/", "--rev", "1"],
            stdout=seen, stdin=subprocess.DEVNULL)
        try:
            for i in range(50):
                cluster.kvctl("put", f"/smoke/k/{i:03}", str(i))
            leader.kill()
            print(f"        killed the leader, {leader.name}", flush=True)
            began = time.monotonic()
            cluster.kvctl("put", "/smoke/k/after", "kill", members=rest)
            took = time.monotonic() - began
            expect(f"a write succeeds after the leader's kill -9 ({took * 1000:.0f} ms)", took < 10)
            for i in range(50, 100):
                cluster.kvctl("put", f"/smoke/k/{i:03}", str(i), members=rest)
            leader.start()
            cluster.wait_healthy([leader])
            keys = cluster.kvctl("-o", "simple", "get", "--prefix", "/smoke/k/", "--keys-only",
                                 members=[leader]).split()
            wanted = {f"/smoke/k/{i:03}" for i in range(100)} | {"/smoke/k/after"}
            expect("the member that returned has every acknowledged write", set(keys) == wanted,
                   str(wanted ^ set(keys)))
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                seen.seek(0)
                events = [line.strip() for line in seen if line.startswith("/smoke/k/")]
                if len(events) >= 101:
                    break
                time.sleep(0.1)
            expect("the watch saw each of them once", sorted(events) == sorted(wanted),
                   f"{len(events)} events")
        finally:
            watcher.kill()
            watcher.wait()


def smoke(cluster):
    cluster.wait_healthy()
    expect("three members serve", True)
    smoke_basics(cluster)
    smoke_lease(cluster)
    smoke_kill(cluster)
    members = json.loads(cluster.etcdctl("-w", "json", "member", "list"))["members"]
    expect("the member list names all three",
           {m["name"] for m in members} == set(NAMES), str(members))
    print("smoke test passed", flush=True)


def follow(member, stop, color):
    prefix = f"\033[{COLORS[member.name]}m{member.name}\033[0m" if color else member.name
    with open(member.log_path, errors="replace") as log:
        while not stop.is_set():
            line = log.readline()
            if line:
                print(prefix, line, end="", flush=True)
            else:
                time.sleep(0.1)


def interactive(cluster):
    cluster.wait_healthy()
    kvctl = os.path.relpath(os.path.join(cluster.bin, "kvctl"))
    endpoints = cluster.endpoints()
    print(f"""
Three members serve on {endpoints} (data in {cluster.directory}).
In another terminal, try:

  {kvctl} --endpoints {endpoints} put hello world
  {kvctl} --endpoints {endpoints} get hello
  {kvctl} --endpoints {endpoints} watch --prefix ''
  {kvctl} --endpoints {endpoints} endpoint status
  ETCDCTL_API=3 etcdctl --endpoints {endpoints} member list
  kill -9 {cluster.members[0].process.pid}    # {cluster.members[0].name}; the others go on

Ctrl-C stops all three and removes their data. Their logs follow.
""", flush=True)
    stop = threading.Event()
    threads = [threading.Thread(target=follow, args=(m, stop, sys.stdout.isatty()), daemon=True)
               for m in cluster.members]
    for thread in threads:
        thread.start()
    try:
        while any(m.process.poll() is None for m in cluster.members):
            time.sleep(0.2)
        print("all members have ended", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nstopping", file=sys.stderr)
    finally:
        stop.set()


def main():
    parser = argparse.ArgumentParser(prog="./dev cluster", description=__doc__)
    parser.add_argument("--bin", required=True, help="directory of kvd and kvctl")
    parser.add_argument("--smoke", action="store_true", help="test unattended, then stop")
    arguments = parser.parse_args()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    cluster = Cluster(arguments.bin)
    try:
        cluster.start()
        smoke(cluster) if arguments.smoke else interactive(cluster)
    except BaseException:
        if arguments.smoke:
            for member in cluster.members:
                if os.path.exists(member.log_path):
                    print(f"--- log of {member.name}\n{member.log_tail()}", file=sys.stderr)
        raise
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
