"""A cluster is brought to the next version member by member, as kvd and kvd_next play them.

    rolling_upgrade_test.py BIN, from the repository's root
"""

import os
import re
import sys
import time
import urllib.request

sys.path.insert(0, "deploy")
import cluster as deploy  # noqa: E402: the path comes first

expect = deploy.expect


def newest_version():
    """Of the log entries that kvd reads; kvd_next reads one more."""
    with open("server/apply/entry_version.h", encoding="utf-8") as header:
        return int(re.search(r"kEntryVersion = (\d+)", header.read()).group(1))


def restart(cluster, member, program):
    """The others serve on meanwhile, and all three after it."""
    member.kill()
    rest = [m for m in cluster.members if m is not member]
    cluster.kvctl("put", "/up/while", program, members=rest)
    cluster.server = os.path.join(cluster.bin, program)
    member.start()
    cluster.wait_healthy([member])
    cluster.kvctl("put", "/up/after", program, members=[member])


def version(member):
    """The newest log entries that may be proposed, as a member knows it."""
    with urllib.request.urlopen(f"http://{member.endpoint}/metrics", timeout=5) as page:
        return int(re.search(r"^keelson_cluster_entry_version (\d+)", page.read().decode(),
                             re.MULTILINE).group(1))


def until_version(members, wanted):
    deadline = time.monotonic() + 20
    while any(version(m) != wanted for m in members):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_upgrade(cluster):
    one, other, last = cluster.members
    expect("a new cluster decides on its version", until_version(cluster.members, newest_version()))
    restart(cluster, one, "kvd_next")
    restart(cluster, other, "kvd_next")
    expect("it stays while a member is of the old version", version(one) == newest_version())
    restart(cluster, one, "kvd")
    expect("an upgraded member may go back until then", True)
    restart(cluster, one, "kvd_next")
    restart(cluster, last, "kvd_next")
    expect("it rises when the last member is upgraded", until_version(cluster.members, newest_version() + 1))


def test_too_old(cluster):
    """Whether its store or the log tells it: it ends before it applies anything."""
    one, other, last = cluster.members
    one.kill()
    cluster.server = os.path.join(cluster.bin, "kvd")
    one.start()
    one.process.wait(20)
    expect("the old version ends, and says what to do", one.process.returncode == 1 and
           "upgrade kvd on this member" in one.log_tail(), one.log_tail())
    cluster.kvctl("put", "/up/without", "it", members=[other, last])
    cluster.server = os.path.join(cluster.bin, "kvd_next")
    one.start()
    cluster.wait_healthy([one])
    expect("upgraded again it has everything",
           cluster.kvctl("-o", "simple", "get", "/up/without", members=[one]).split() ==
           ["/up/without", "it"])


def main():
    cluster = deploy.Cluster(sys.argv[1])
    try:
        cluster.start()
        cluster.wait_healthy()
        test_upgrade(cluster)
        test_too_old(cluster)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
