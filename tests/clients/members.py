"""Three members of the server under test, which a program on the other end of a pipe may kill."""

import os
import random
import re
import shutil
import signal
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy"))
import cluster as deploy  # noqa: E402: the path comes first

# Below the ports that the kernel gives to outgoing connections: one of those would take the place
# of a member that is down for a moment.
PORTS = range(14000, 20000)


class Members:
    """Three members of kvd, or of Debian's etcd, each known by its id and by its endpoint."""

    def __init__(self, server, binaries):
        executable = shutil.which("etcd") if server == "etcd" else None
        ports = deploy.free_ports(random.sample(PORTS, 8))
        self.cluster = deploy.Cluster(binaries, executable, ports[:6])
        # No member yet: one that may join.
        self.spare = deploy.Member(self.cluster, "m4", *ports[6:])
        self.server = self.cluster.server
        self.next = os.path.join(self.cluster.bin, "kvd_next")
        self.by_name = {}

    def start(self):
        self.cluster.start()
        self.cluster.wait_healthy()
        self.by_name[self.spare.endpoint] = self.spare
        for member in self.cluster.members:
            self.by_name[member.endpoint] = self.by_name[self.member_id(member)] = member

    @staticmethod
    def member_id(member):
        """As responses tell it, in decimal."""
        with urllib.request.urlopen(f"http://{member.endpoint}/metrics", timeout=10) as answer:
            found = re.search(r'^etcd_server_id\{server_id="([0-9a-f]+)"\}', answer.read().decode(),
                              re.MULTILINE)
        return str(int(found.group(1), 16))

    @property
    def endpoints(self):
        return self.cluster.endpoints()

    def command(self, verb, name):
        """Carries out what a program asks for; returns "done", or why it could not be."""
        member = self.by_name[name]
        if verb == "kill":
            member.kill()
        elif verb == "stop":
            member.kill(signal.SIGTERM)
        elif verb in ("start", "start-next"):
            # Each member has its program from here on, until it is started again.
            self.cluster.server = self.next if verb == "start-next" else self.server
            member.start()
            try:
                self.cluster.wait_healthy([member])
            except SystemExit as ended:
                return " ".join(str(ended).split())
        elif verb == "join":
            self.join(member)
        elif verb == "await-end":
            member.process.wait(30)
        else:
            raise ValueError(f"{verb} is no command")
        return "done"

    def join(self, member):
        """Starts a member that a client has added; it serves when it is one."""
        self.cluster.members.append(member)
        member.start({"ETCD_NAME": member.name, "ETCD_INITIAL_CLUSTER_STATE": "existing",
                      "ETCD_INITIAL_CLUSTER": self.cluster.initial_cluster(),
                      "ETCD_INITIAL_ADVERTISE_PEER_URLS": self.peer_url(member)})

    @staticmethod
    def peer_url(member):
        return f"http://127.0.0.1:{member.peer_port}"

    def keep_logs(self, directory):
        os.makedirs(directory, exist_ok=True)
        for member in self.cluster.members:
            if os.path.exists(member.log_path):
                shutil.copy(member.log_path, directory)

    def stop(self):
        self.cluster.stop()
