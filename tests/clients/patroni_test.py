"""Patroni keeps two PostgreSQL servers by a cluster, through its JSON gateway; its primary dies
together with a member. The runner gives the endpoints; README.md has the protocol."""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from harness import ask, expect, free_ports, run_scenarios, until

ENDPOINTS = sys.argv[1].split(",")
TTL = 20


def as_postgres():
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


class Postgres:
    """One PostgreSQL server and the Patroni that keeps it."""

    def __init__(self, directory, name, ports):
        self.directory, self.name = directory, name
        self.port, self.rest_port = ports
        self.process = None
        self.config = os.path.join(directory, name + ".json")
        with open(self.config, "w") as file:
            json.dump(self.settings(), file)  # JSON is YAML

    def settings(self):
        return {
            "scope": "keelson", "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self.rest_port}"},
            "etcd3": {"hosts": ENDPOINTS},
            "bootstrap": {
                "dcs": {"ttl": TTL, "loop_wait": 2, "retry_timeout": 5, "synchronous_mode": True,
                        "postgresql": {"use_pg_rewind": True,
                                       "parameters": {"wal_log_hints": "on"}}},
                "initdb": [{"encoding": "UTF8"}, {"auth": "trust"}],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "data_dir": os.path.join(self.directory, self.name),
                "bin_dir": max(glob.glob("/usr/lib/postgresql/*/bin")),
                "pgpass": os.path.join(self.directory, self.name + ".pgpass"),
                "authentication": {"superuser": {"username": "postgres"},
                                   "replication": {"username": "replicator"}},
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust",
                           "host replication all 127.0.0.1/32 trust"],
                "parameters": {"unix_socket_directories": self.directory, "shared_buffers": "16MB"},
            },
        }

    def start(self):
        with open(os.path.join(self.directory, self.name + ".log"), "ab") as log:
            self.process = subprocess.Popen([*as_postgres(), "patroni", self.config], stdout=log,
                                            stderr=log, cwd=self.directory, start_new_session=True)

    def kill(self):
        """Both at once, as if their host had lost power."""
        pid_file = os.path.join(self.directory, self.name, "postmaster.pid")
        self.process.kill()
        self.process.wait()
        if os.path.exists(pid_file):
            with open(pid_file) as file:
                postmaster = int(file.readline())
            with contextlib.suppress(ProcessLookupError):
                os.kill(postmaster, signal.SIGKILL)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def ask(self, path):
        """What Patroni tells, or an empty dict."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}/{path}",
                                        timeout=2) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return {}

    def leads(self):
        state = self.ask("patroni")
        return state.get("role") in ("master", "primary") and state.get("state") == "running"

    def sql(self, statement):
        done = subprocess.run(
            ["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-AtXq",
             "-v", "ON_ERROR_STOP=1", "-c", statement], capture_output=True, text=True, timeout=60)
        expect(statement, done.returncode == 0, done.stderr)
        return done.stdout.strip()


class Pair:
    def __init__(self, directory):
        ports = free_ports(4)
        self.servers = [Postgres(directory, "p1", ports[:2]), Postgres(directory, "p2", ports[2:])]

    def roles(self):
        """(primary, its synchronous standby), once there are both."""
        for primary, standby in (self.servers, self.servers[::-1]):
            roles = {each["name"]: each["role"] for each in primary.ask("cluster").get("members", [])}
            if primary.leads() and roles.get(standby.name) == "sync_standby":
                return primary, standby
        return None


def start(pair):
    pair.servers[0].start()
    until("the first server leads", 60, pair.servers[0].leads)
    pair.servers[1].start()
    primary, _ = until("the second follows", 60, pair.roles)
    primary.sql("CREATE TABLE t (n int)")


def accepted(request):
    """Not while Patroni looks for a member that answers."""
    try:
        urllib.request.urlopen(request, timeout=60).close()
        return True
    except urllib.error.HTTPError as refused:
        expect("a switchover", refused.code == 503, f"{refused.code} {refused.read()}")
        return False


def switch_over(pair):
    """Asked for, with a member killed: leadership goes over the other two."""
    primary, standby = until("two servers", 60, pair.roles)
    primary.sql("INSERT INTO t SELECT generate_series(1, 100)")
    ask("kill", ENDPOINTS[0])
    request = urllib.request.Request(
        f"http://127.0.0.1:{primary.rest_port}/switchover", method="POST",
        data=json.dumps({"leader": primary.name, "candidate": standby.name}).encode())
    until("a switchover is begun", 30, lambda: accepted(request))
    until("the standby leads", 60, standby.leads)
    ask("start", ENDPOINTS[0])
    until("the old primary follows", 90, pair.roles)
    expect("no row is lost", standby.sql("SELECT count(*) FROM t") == "100")


def fail_over(pair):
    """The primary dies, and a member with it: its key's lease ends, the standby takes over."""
    primary, standby = until("two servers", 60, pair.roles)
    primary.sql("INSERT INTO t SELECT generate_series(101, 200)")
    ask("kill", ENDPOINTS[1])
    primary.kill()
    died = time.monotonic()
    until("the standby leads", TTL + 60, standby.leads)
    took = time.monotonic() - died
    expect("no row is lost", standby.sql("SELECT count(*), sum(n) FROM t") == "200|20100")
    ask("start", ENDPOINTS[1])
    primary.start()
    until("the old primary follows", 90, pair.roles)
    standby.sql("INSERT INTO t VALUES (201)")
    expect("it has every row", primary.sql("SELECT count(*) FROM t") == "201")
    return f"the standby led after {took:.1f} s (ttl {TTL} s)"


def main():
    directory = tempfile.mkdtemp(prefix="keelson-patroni-")
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
    pair = Pair(directory)
    try:
        run_scenarios([("start", lambda: start(pair)), ("switchover", lambda: switch_over(pair)),
                       ("failover", lambda: fail_over(pair))], chained=True)
    finally:
        for server in pair.servers:
            server.stop()
            with open(os.path.join(directory, server.name + ".log"), errors="replace") as log:
                print(f"--- {server.name}\n{log.read()[-20000:]}", file=sys.stderr)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
