"""Clients that know etcd, not us: python3-etcd3 and etcdctl, as Debian ships them, against three members.

    etcd_clients_test.py BIN, from the repository's root

Left out since their services are not built yet: of python3-etcd3 snapshot (Maintenance), user and
password (Auth); of etcdctl the commands of the same. Its lock and elect commands, and the locks
of python3-etcd3, are made by the clients from KV, Lease and Watch, so they are here.

Left out since Debian's python3-etcd3 0.12 fails at it with any server: filters of watches (it assigns
to a repeated field), waiting for a lock that is held (its tenacity is newer than it knows).
"""

import json
import os
import re
import subprocess
import sys
import threading
import time

try:
    import etcd3
    import grpc
except ImportError as missing:
    print(f"SKIPPED, NOTHING WAS TESTED: {missing} (Debian's python3-etcd3)", file=sys.stderr)
    sys.exit(77)

sys.path.insert(0, "deploy")
import cluster as deploy  # noqa: E402: the path comes first

expect = deploy.expect


def rpc_error(action):
    """What the server answers instead of doing it: (code, text)."""
    try:
        action()
    except grpc.RpcError as error:
        return error.code(), error.details()
    return None


def test_kv(one, other):
    one.put("/kv/a", "1")
    value, meta = other.get("/kv/a")
    expect("a put by one member is read by another", (value, meta.key) == (b"1", b"/kv/a"))
    first = meta.create_revision
    expect("put tells the pair before", one.put("/kv/a", "2", prev_kv=True).prev_kv.value == b"1")
    value, meta = one.get("/kv/a", serializable=True)
    expect("a second put is a second version",
           (value, meta.version, meta.create_revision) == (b"2", 2, first))
    for key in "cbd":
        other.put("/kv/" + key, key * 3)
    got = [meta.key for _, meta in one.get_prefix("/kv/")]
    expect("a prefix is read in the order of its keys",
           got == [b"/kv/a", b"/kv/b", b"/kv/c", b"/kv/d"], got)
    got = [meta.key for _, meta in
           one.get_prefix("/kv/", sort_order="descend", sort_target="value")]
    expect("or in another order", got == [b"/kv/d", b"/kv/c", b"/kv/b", b"/kv/a"], got)
    got = [value for value, _ in other.get_range("/kv/b", "/kv/d")]
    expect("a range ends before its end", got == [b"bbb", b"ccc"], got)
    got = [(value, meta.key) for value, meta in one.get_prefix("/kv/", keys_only=True)]
    expect("keys may be asked for alone", got[0] == (b"", b"/kv/a") and len(got) == 4, got)
    expect("a key that is not there is none", other.get("/kv/x") == (None, None))
    expect("all keys are read", len(list(one.get_all())) >= 4)
    expect("a key is made only once", (one.put_if_not_exists("/kv/n", "1"),
                                       other.put_if_not_exists("/kv/n", "2")) == (True, False))
    expect("a value is replaced only where it is known",
           (one.replace("/kv/n", "1", "3"), one.replace("/kv/n", "1", "4")) == (True, False))
    expect("delete tells the pair before",
           one.delete("/kv/n", prev_kv=True, return_response=True).prev_kvs[0].value == b"3")
    expect("a second delete finds nothing", other.delete("/kv/n") is False)
    binary = bytes(range(256)) * 4
    one.put("/kv/binary", binary)
    expect("values are bytes", other.get("/kv/binary")[0] == binary)
    expect("a prefix is deleted whole", one.delete_prefix("/kv/").deleted == 5)
    expect("and is gone everywhere", list(other.get_prefix("/kv/")) == [])
    expect("an empty key is refused in etcd's words", rpc_error(lambda: one.put("", "x")) ==
           (grpc.StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided"))


def test_txn(one, other):
    txn = one.transactions
    one.put("/txn/a", "1")
    took_success, answers = other.transaction(
        compare=[txn.value("/txn/a") == "1", txn.version("/txn/a") > 0, txn.create("/txn/b") == 0],
        success=[txn.put("/txn/b", "2"), txn.get("/txn/b"), txn.delete("/txn/a")],
        failure=[txn.get("/txn/a")])
    expect("a transaction whose compares hold", took_success)
    expect("sees what it has written", answers[1][0][0] == b"2", answers)
    took_success, answers = one.transaction(
        compare=[txn.mod("/txn/b") < 2], success=[], failure=[txn.get("/txn/b"), txn.get("/txn/a")])
    expect("one whose compare does not hold reads the other branch",
           not took_success and answers[0][0][0] == b"2" and answers[1] == [], answers)
    nested = txn.txn(compare=[txn.value("/txn/b") == "2"], success=[txn.put("/txn/c", "3")],
                     failure=[])
    other.transaction(compare=[], success=[nested], failure=[])
    expect("a transaction within one", one.get("/txn/c")[0] == b"3")
    twice = [txn.put("/txn/d", "1"), txn.put("/txn/d", "2")]
    expect("a key put twice is refused in etcd's words",
           rpc_error(lambda: one.transaction(compare=[], success=twice, failure=[])) ==
           (grpc.StatusCode.INVALID_ARGUMENT,
            "etcdserver: duplicate key given in txn request"))


def test_watch(one, other):
    events, cancel = one.watch_prefix("/watch/", prev_kv=True)
    other.put("/watch/a", "1")
    other.put("/watch/a", "2")
    other.delete("/watch/a")
    got = [next(events) for _ in range(3)]
    expect("a watch on one member sees the writes of another, in order",
           [type(event).__name__ for event in got] == ["PutEvent", "PutEvent", "DeleteEvent"] and
           [event.value for event in got] == [b"1", b"2", b""], got)
    expect("and what was there before", [event.prev_value for event in got] == [b"", b"1", b"2"])
    cancel()
    events, cancel = other.watch("/watch/a", start_revision=got[0].mod_revision)
    past = [next(events).mod_revision for _ in range(3)]
    expect("a watch from a past revision sees what came since",
           past == [event.mod_revision for event in got], past)
    cancel()
    seen = threading.Event()
    watch_id = one.add_watch_prefix_callback("/watch/", lambda response: seen.set())
    other.put("/watch/b", "1")
    expect("a callback hears of a put", seen.wait(10))
    one.cancel_watch(watch_id)
    try:
        one.watch_once("/watch/never", timeout=0.05)
        silent = False
    except etcd3.exceptions.WatchTimedOut:
        silent = True
    expect("a watch that nothing concerns stays silent", silent)


def test_compaction(one, other):
    revision = other.put("/compact/a", "1").header.revision
    one.put("/compact/a", "2")
    one.compact(revision + 1)
    expect("history is compacted once",
           rpc_error(lambda: other.compact(revision + 1)) ==
           (grpc.StatusCode.OUT_OF_RANGE,
            "etcdserver: mvcc: required revision has been compacted"))
    events, _ = other.watch("/compact/a", start_revision=1)
    try:
        next(events)
        error = None
    except etcd3.exceptions.RevisionCompactedError as raised:
        error = raised
    expect("a watch from before says from where on there is history",
           error is not None and error.compacted_revision == revision + 1, error)


def test_lease(one, other):
    lease = one.lease(600)
    expect("a lease has the TTL asked for", lease.ttl == 600)
    other.put("/lease/a", "1", lease=lease.id)
    one.put("/lease/b", "1", lease=lease)
    info = other.get_lease_info(lease.id)
    expect("any member knows its keys and times",
           sorted(info.keys) == [b"/lease/a", b"/lease/b"] and info.grantedTTL == 600 and
           590 <= info.TTL <= 600, info)
    expect("any member renews it", [a.TTL for a in other.refresh_lease(lease.id)] == [600])
    expect("its keys know it", one.get("/lease/a")[1].lease_id == lease.id)
    lease.revoke()
    expect("its keys go with it", list(other.get_prefix("/lease/")) == [])
    expect("then its TTL is -1", other.get_lease_info(lease.id).TTL == -1)
    expect("and a renewal finds nothing", [a.TTL for a in one.refresh_lease(lease.id)] == [0])
    events, cancel = other.watch("/lease/short")
    one.put("/lease/short", "1", lease=one.lease(1))
    kinds = [type(next(events)).__name__ for _ in range(2)]
    expect("a lease that nobody renews ends, and a watch sees that",
           kinds == ["PutEvent", "DeleteEvent"], kinds)
    cancel()


def test_lock(one, other):
    held = one.lock("resource", ttl=60)
    expect("a lock is taken", held.acquire(timeout=5) and held.is_acquired())
    wanted = other.lock("resource", ttl=60)
    expect("by one", not wanted.is_acquired())
    expect("its lease is renewed", held.refresh()[0].TTL == 60)
    expect("only who holds it can release it", not wanted.release() and held.release())
    expect("then another may have it", wanted.acquire(timeout=5) and not held.is_acquired())
    held.etcd_client.revoke_lease(wanted.lease.id)
    expect("it goes with its lease", not wanted.is_acquired())


def test_members(cluster, one, other):
    members = {m.name: (list(m.client_urls), list(m.peer_urls)) for m in one.members}
    expected = {m.name: ([f"http://{m.endpoint}"], [f"http://127.0.0.1:{m.peer_port}"])
                for m in cluster.members}
    expect("the members are listed with their URLs", members == expected, members)
    mine, others = one.status(), other.status()
    expect("status tells the version and one leader",
           mine.version == others.version and mine.version.startswith("3.") and
           mine.leader is not None and mine.leader.id == others.leader.id)
    expect("a store with data has a size", mine.db_size > 0)
    expect("there is no alarm", list(one.list_alarms()) == [])
    alarm, = one.create_alarm(member_id=mine.leader.id)
    expect("an alarm may be raised", alarm.member_id == mine.leader.id)
    list(one.disarm_alarm(member_id=mine.leader.id))
    expect("and ended", list(other.list_alarms()) == [])
    one.defragment()
    expect("a member tells its hash", one.hash() > 0)


def test_etcdctl_kv(cluster, one):
    def run(*arguments, member=0, stdin=None):
        return cluster.etcdctl(*arguments, members=[cluster.members[member]], stdin=stdin)

    expect("etcdctl reads what python3-etcd3 has put",
           one.put("/ctl/a", "1") and run("get", "/ctl/a", member=1) == "/ctl/a\n1\n")
    run("put", "/ctl/b", "two", member=2)
    expect("and the other way round", one.get("/ctl/b")[0] == b"two")
    expect("a prefix", run("get", "--prefix", "/ctl/", "--keys-only").split() ==
           ["/ctl/a", "/ctl/b"])
    expect("the pair before", run("put", "--prev-kv", "/ctl/b", "2") == "OK\n/ctl/b\ntwo\n")
    answer = run("txn", member=1, stdin='value("/ctl/b") = "2"\n\nput /ctl/c yes\nget /ctl/c\n\n'
                                        'get /ctl/a\n\n')
    expect("a transaction", answer == "SUCCESS\n\nOK\n\n/ctl/c\nyes\n", answer)
    since = str(one.put("/ctl/w", "1").header.revision)
    with start_etcdctl(cluster, "watch", "--prefix", "/ctl/w", "--rev", since) as watch:
        one.delete("/ctl/w")
        lines = [watch.stdout.readline().strip() for _ in range(5)]
        watch.kill()
    expect("a watch", lines == ["PUT", "/ctl/w", "1", "DELETE", "/ctl/w"], lines)
    expect("a delete of a prefix", run("del", "--prefix", "/ctl/", member=1) == "3\n")


def test_etcdctl_lease(cluster):
    lease = cluster.etcdctl("lease", "grant", "600").split()[1]
    cluster.etcdctl("put", "/ctl/leased", "x", f"--lease={lease}")
    times = json.loads(cluster.etcdctl("lease", "timetolive", lease, "--keys", "-w", "json"))
    expect("a lease has its keys", times["granted-ttl"] == 600 and len(times["keys"]) == 1, times)
    expect("it is renewed", "keepalived" in cluster.etcdctl("lease", "keep-alive", "--once", lease))
    expect("it is listed", lease in cluster.etcdctl("lease", "list"))
    expect("it is revoked", "revoked" in cluster.etcdctl("lease", "revoke", lease))
    expect("its key is gone", cluster.etcdctl("get", "/ctl/leased") == "")


def start_etcdctl(cluster, *arguments):
    return subprocess.Popen(["etcdctl", "--endpoints", cluster.endpoints(), *arguments],
                            stdout=subprocess.PIPE, text=True,
                            env={**os.environ, "ETCDCTL_API": "3"})


def test_etcdctl_lock(cluster, one):
    with start_etcdctl(cluster, "lock", "l") as holder:
        key = holder.stdout.readline().strip()
        expect("a lock is taken", key.startswith("l/"), key)
        with start_etcdctl(cluster, "lock", "l", "echo", "locked") as waiter:
            deadline = time.monotonic() + 10
            while len(list(one.get_prefix("l/"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            expect("another waits for it",
                   len(list(one.get_prefix("l/"))) == 2 and waiter.poll() is None)
            holder.terminate()
            expect("and gets it next", waiter.stdout.readline() == "locked\n")
    with start_etcdctl(cluster, "elect", "e", "me") as candidate:
        lines = [candidate.stdout.readline().strip() for _ in range(2)]
        candidate.kill()
    expect("an election is won", lines[0].startswith("e/") and lines[1] == "me", lines)


def test_etcdctl_cluster(cluster):
    status = json.loads(cluster.etcdctl("endpoint", "status", "--cluster", "-w", "json"))
    expect("every member tells its status, and the same leader",
           len(status) == 3 and len({entry["Status"]["leader"] for entry in status}) == 1, status)
    expect("every member is healthy",
           all(entry["health"] for entry in
               json.loads(cluster.etcdctl("endpoint", "health", "-w", "json"))))
    listed = json.loads(cluster.etcdctl("member", "list", "-w", "json"))["members"]
    expect("the members are listed", {m["name"] for m in listed} == set(deploy.NAMES), listed)
    expect("there is no alarm", cluster.etcdctl("alarm", "list") == "")
    revision = json.loads(cluster.etcdctl("put", "/ctl/z", "1", "-w", "json"))["header"]["revision"]
    expect("history is compacted", cluster.etcdctl("compaction", "--physical", str(revision)) ==
           f"compacted revision {revision}\n")
    done = cluster.etcdctl("defrag")
    expect("every member is defragmented", done.splitlines() ==
           [f"Finished defragmenting etcd member[{m.endpoint}]" for m in cluster.members], done)
    wait_for_rest(cluster)
    hashes = json.loads(cluster.etcdctl("endpoint", "hashkv", "--rev", str(revision), "-w", "json"))
    expect("every member has the same hash", len(hashes) == 3 and
           len({(h["HashKV"]["hash"], h["HashKV"]["compact_revision"]) for h in hashes}) == 1, hashes)
    leader = status[0]["Status"]["leader"]
    target = next(m["ID"] for m in listed if m["ID"] != leader)
    moved = cluster.etcdctl("move-leader", f"{target:x}")
    expect("the leader moves", moved == f"Leadership transferred from {leader:x} to {target:x}\n",
           moved)


def wait_for_rest(cluster):
    """Until every member has applied the same."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        status = json.loads(cluster.etcdctl("endpoint", "status", "-w", "json"))
        if len({entry["Status"]["raftAppliedIndex"] for entry in status}) == 1:
            return
        time.sleep(0.01)


def test_etcdctl_membership(cluster, one):
    """A fourth member joins as etcdctl says, is promoted, moves in the list, and goes."""
    client_port, peer_port = deploy.free_ports([42379, 42380])
    peer_url = f"http://127.0.0.1:{peer_port}"
    answer = cluster.etcdctl("member", "add", "m4", "--learner", "--peer-urls", peer_url)
    member = re.match(r"Member +([0-9a-f]+) added to cluster", answer).group(1)
    environment = dict(re.findall(r'^(ETCD_\w+)="(.*)"$', answer, re.MULTILINE))
    expect("etcdctl tells with what to start it",
           environment["ETCD_NAME"] == "m4" and
           environment["ETCD_INITIAL_CLUSTER_STATE"] == "existing" and
           f"m4={peer_url}" in environment["ETCD_INITIAL_CLUSTER"], answer)
    joiner = deploy.Member(cluster, "m4", client_port, peer_port)
    joiner.start(environment)
    try:
        expect("it becomes a voter once it is in sync", retried(lambda: "promoted in cluster" in cluster.etcdctl(
            "member", "promote", member)))
        cluster.wait_healthy([joiner])
        expect("and serves", cluster.etcdctl("put", "/member/a", "1", members=[joiner]) == "OK\n")
        listed = json.loads(cluster.etcdctl("member", "list", "-w", "json",
                                            members=[joiner]))["members"]
        expect("it is in the list", {m["name"] for m in listed} == set(deploy.NAMES) | {"m4"}, listed)
        other_url = f"http://localhost:{peer_port}"
        expect("its peer URL is changed", "updated in cluster" in cluster.etcdctl(
            "member", "update", member, "--peer-urls", other_url, members=cluster.members[:1]))
        expect("which shows in the list", [list(m.peer_urls) for m in one.members if m.name == "m4"] ==
               [[other_url]])
        expect("it is removed, asked itself", "removed from cluster" in cluster.etcdctl(
            "member", "remove", member, members=[joiner]))
        expect("it stops, and says why", joiner.process.wait(20) == 1 and
               "has been removed from the cluster" in joiner.log_tail())
        expect("three are left", len(list(one.members)) == 3)
        expect("who is unknown is not found", "etcdserver: member not found" in refused(
            cluster, "member", "remove", member))
    finally:
        joiner.kill()
    new = one.add_member([peer_url])
    expect("python3-etcd3 adds a member", list(new.peer_urls) == [peer_url] and new.name == "")
    new.update(["http://127.0.0.1:9"])
    expect("changes it", ["http://127.0.0.1:9"] in [list(m.peer_urls) for m in one.members])
    new.remove()
    expect("and removes it", len(list(one.members)) == 3)


def retried(action, seconds=20):
    """Whether it succeeded in time; each failure of etcdctl is one more try."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return action()
        except SystemExit:
            time.sleep(0.05)
    return False


def refused(cluster, *arguments):
    try:
        return "no refusal: " + cluster.etcdctl(*arguments)
    except SystemExit as error:
        return str(error)


def test_a_member_down(cluster, clients):
    leader = cluster.leader()
    rest = [(m, c) for m, c in zip(cluster.members, clients) if m is not leader]
    leader.kill()
    ctl = cluster.etcdctl("put", "/down/a", "1", members=[leader] + [m for m, _ in rest])
    expect("etcdctl goes to another member where one is down", ctl == "OK\n", ctl)
    expect("a client of a member that is left reads on", rest[0][1].get("/down/a")[0] == b"1")
    expect("and writes on", rest[1][1].put("/down/b", "1").header.revision > 0)


def main():
    cluster = deploy.Cluster(sys.argv[1])
    try:
        cluster.start()
        cluster.wait_healthy()
        clients = [etcd3.client(host="127.0.0.1", port=m.client_port, timeout=20,
                                grpc_options=[("grpc.enable_http_proxy", 0)])
                   for m in cluster.members]
        one, other, third = clients
        test_kv(one, other)
        test_txn(other, third)
        test_watch(third, one)
        test_compaction(one, other)
        test_lease(other, third)
        test_lock(third, one)
        test_members(cluster, one, other)
        test_etcdctl_kv(cluster, one)
        test_etcdctl_lease(cluster)
        test_etcdctl_lock(cluster, one)
        test_etcdctl_cluster(cluster)
        test_etcdctl_membership(cluster, one)
        test_a_member_down(cluster, clients)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
