"""Uses a cluster through the package etcd3 of PyPI, as its users do. The README one folder up says
what each scenario is."""

import os
import sys
import threading
import time

import etcd3
import grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import expect, run_scenarios, watch_over_killed_member  # noqa: E402

ENDPOINTS = sys.argv[1].split(",")


def connect(endpoint):
    host, port = endpoint.split(":")
    return etcd3.client(host=host, port=int(port), timeout=10,
                        grpc_options=[("grpc.enable_http_proxy", 0)])


CLIENTS = [connect(endpoint) for endpoint in ENDPOINTS]


def kv():
    one, other, third = CLIENTS
    revision = one.put("/kv/a", "1").header.revision
    value, meta = other.get("/kv/a")
    expect("a put is read from another member", (value, meta.mod_revision) == (b"1", revision))
    expect("put tells the pair before",
           third.put("/kv/a", "2", prev_kv=True).prev_kv.value == b"1")
    one.put("/kv/b", "b")
    got = [meta.key for _, meta in other.get_prefix("/kv/", sort_order="descend")]
    expect("a prefix is read in order", got == [b"/kv/b", b"/kv/a"], got)
    expect("a prefix is deleted", third.delete_prefix("/kv/").deleted == 2)
    try:
        one.put("", "x")
        raise AssertionError("an empty key is taken")
    except grpc.RpcError as error:
        expect("an empty key is refused", error.details() == "etcdserver: key is not provided")


def txn():
    one, other, _ = CLIENTS
    expect("a key is made once", (one.put_if_not_exists("/txn/a", "1"),
                                  other.put_if_not_exists("/txn/a", "2")) == (True, False))
    expect("a value is replaced where it is known", (other.replace("/txn/a", "1", "3"),
                                                     one.replace("/txn/a", "1", "4")) ==
           (True, False))
    t = one.transactions
    done, answers = one.transaction(
        compare=[t.value("/txn/a") == "3", t.version("/txn/a") == 2],
        success=[t.put("/txn/b", "1"), t.get("/txn/a")], failure=[])
    expect("a transaction answers each operation", done and answers[1][0][0] == b"3", answers)


def watch():
    def events_of(endpoint, revision):
        client = connect(endpoint)
        events, cancel = client.watch_prefix("/watch/", start_revision=revision)
        try:
            for event in events:
                yield event.key.decode(), event.mod_revision
        finally:
            cancel()
            client.close()

    def read():
        return {meta.key.decode(): (meta.version, meta.mod_revision)
                for _, meta in CLIENTS[1].get_prefix("/watch/")}

    watch_over_killed_member(events_of, lambda key: CLIENTS[1].put(key, "x"), ENDPOINTS[:2], read)


class KeepAlive(threading.Thread):
    """Renews a lease every third of its time, as the package leaves it to its users to do."""

    def __init__(self, client, lease):
        super().__init__(daemon=True)
        self.client, self.lease = client, lease
        self.stopped = threading.Event()
        self.answers = []
        self.asked_at = [time.monotonic()]
        self.start()

    def run(self):
        while not self.stopped.wait(self.lease.ttl / 3):
            self.asked_at.append(time.monotonic())
            self.answers += [answer.TTL for answer in self.client.refresh_lease(self.lease.id)]

    def stop(self):
        self.stopped.set()
        self.join()


def lease():
    one, other, third = CLIENTS
    held = one.lease(2)
    one.put("/lease/a", "x", lease=held)
    gone = threading.Event()

    def look(response):
        # A member that lags may still have the put before it.
        if any(isinstance(event, etcd3.events.DeleteEvent) for event in response.events):
            gone.set()

    watch_id = other.add_watch_callback("/lease/a", look)
    keeper = KeepAlive(third, held)
    expect("a lease lives while it is kept", not gone.wait(2 * held.ttl + 1),
           [f"{time.monotonic() - asked:.2f} s ago" for asked in keeper.asked_at])
    keeper.stop()
    expect("renewals tell its time", set(keeper.answers) == {held.ttl}, keeper.answers)
    expect("it ends when nobody keeps it", gone.wait(held.ttl + 5))
    other.cancel_watch(watch_id)
    expect("then it has no time", one.get_lease_info(held.id).TTL == -1)
    expect("and its key is gone", one.get("/lease/a") == (None, None))


def lock():
    one, other, _ = CLIENTS
    held = one.lock("l", ttl=5)
    expect("a lock is taken", held.acquire(timeout=5) and held.is_acquired())
    expect("and refreshed", held.refresh()[0].TTL == 5)
    wanted = other.lock("l", ttl=5)
    expect("by one", not wanted.is_acquired() and not wanted.release())
    expect("its holder releases it", held.release())
    expect("then another may have it", wanted.acquire(timeout=5) and wanted.is_acquired())
    wanted.lease.revoke()
    expect("it goes with its lease", held.acquire(timeout=5))


def campaign(client, name, value, ttl=5):
    """etcd's recipe of an election: the oldest key under the name leads. Returns own key."""
    held = client.lease(ttl)
    key = f"{name}/{held.id:x}"
    client.put(key, value, lease=held)
    own = client.get(key)[1].create_revision
    while True:
        older = [meta for _, meta in client.get_prefix(name + "/", sort_target="create",
                                                       sort_order="ascend")
                 if meta.create_revision < own]
        if not older:
            return key
        before = older[-1]
        events, cancel = client.watch(before.key, start_revision=before.response_header.revision + 1)
        for event in events:
            if isinstance(event, etcd3.events.DeleteEvent):
                break
        cancel()


def election():
    one, other, third = CLIENTS
    key = campaign(one, "/election", "one")
    elected = []
    rival = threading.Thread(target=lambda: elected.append(campaign(other, "/election", "other")))
    rival.start()
    deadline = time.monotonic() + 10
    while len(list(third.get_prefix("/election/"))) < 2 and time.monotonic() < deadline:
        pass
    expect("the rival waits", rival.is_alive() and not elected)
    one.delete(key)
    rival.join(10)
    expect("and leads next", len(elected) == 1 and third.get(elected[0])[0] == b"other", elected)


run_scenarios([("kv", kv), ("txn", txn), ("watch", watch), ("lease", lease), ("lock", lock),
               ("election", election)])
