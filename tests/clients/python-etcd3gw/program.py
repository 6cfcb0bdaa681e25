"""Uses a cluster through the package etcd3gw of PyPI, which speaks JSON, as its users do. The README
one folder up says what each scenario is."""

import os
import sys
import threading

import etcd3gw
from etcd3gw.utils import _encode, _increment_last_byte

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness import expect, run_scenarios, watch_over_killed_member  # noqa: E402

ENDPOINTS = sys.argv[1].split(",")


def connect(endpoint):
    host, port = endpoint.split(":")
    return etcd3gw.client(host=host, port=int(port), timeout=10)


CLIENTS = [connect(endpoint) for endpoint in ENDPOINTS]


def kv():
    one, other, third = CLIENTS
    expect("the API's path is found by the version", one.api_path == "/v3/", one.api_path)
    expect("all members are listed", len(one.members()) == 3, one.members())
    expect("status tells a leader", int(one.status()["leader"]) > 0, one.status())
    one.put("/kv/a", "1")
    expect("a put is read from another member", other.get("/kv/a") == [b"1"], other.get("/kv/a"))
    third.put("/kv/b", bytes(range(256)))
    got = [(meta["key"], value) for value, meta in one.get_prefix("/kv/", sort_order="descend")]
    expect("a prefix is read in order, values are bytes",
           got == [(b"/kv/b", bytes(range(256))), (b"/kv/a", b"1")], got)
    expect("a key is made once", (one.create("/kv/c", "1"), other.create("/kv/c", "2")) ==
           (True, False))
    expect("a value is replaced where it is known", (one.replace("/kv/c", "1", "3"),
                                                     one.replace("/kv/c", "1", "4")) ==
           (True, False))
    expect("a key is deleted once", (one.delete("/kv/c"), other.delete("/kv/c")) == (True, False))
    expect("a prefix is deleted", other.delete_prefix("/kv/") and one.get_prefix("/kv/") == [])
    try:
        one.put("", "x")
        raise AssertionError("an empty key is taken")
    except etcd3gw.exceptions.Etcd3Exception as error:
        expect("an empty key is refused", "etcdserver: key is not provided" in error.detail_text,
               error.detail_text)


def txn():
    one, other, _ = CLIENTS
    key = _encode("/txn/a")
    one.put("/txn/a", "1")
    compares = [{"key": key, "result": "EQUAL", "target": "VALUE", "value": _encode("1")},
                {"key": key, "result": "GREATER", "target": "MOD", "mod_revision": 0}]
    request = {
        "compare": compares,
        "success": [{"request_put": {"key": key, "value": _encode("2")}},
                    {"request_range": {"key": key}}],
        "failure": [{"request_range": {"key": key}}],
    }
    first = other.transaction(request)
    expect("a transaction whose compares hold", first.get("succeeded") is True, first)
    expect("sees what it has written",
           first["responses"][1]["response_range"]["kvs"][0]["value"] == _encode("2"), first)
    second = one.transaction(request)
    expect("one whose compare does not hold takes the other branch",
           "succeeded" not in second and
           second["responses"][0]["response_range"]["kvs"][0]["version"] == "2", second)


def watch():
    def events_of(endpoint, revision):
        # The package's own iterator has no end when its member is lost; a callback hears of nothing
        # either, so a silence is taken for it, as its users do.
        client = connect(endpoint)
        events, cancel = client.watch_prefix("/watch/", start_revision=revision)
        quiet = Silence(cancel)
        try:
            for event in events:
                quiet.heard()
                yield event["kv"]["key"].decode(), int(event["kv"]["mod_revision"])
        finally:
            quiet.stop()
            cancel()
        raise ConnectionError(endpoint)

    def read():
        return {meta["key"].decode(): (int(meta["version"]), int(meta["mod_revision"]))
                for _, meta in CLIENTS[1].get_prefix("/watch/")}

    watch_over_killed_member(events_of, lambda key: CLIENTS[1].put(key, "x"), ENDPOINTS[:2], read)


class Silence(threading.Thread):
    """Cancels a watch that has shown nothing for a while: longer than a server lets the writer wait
    whose write was lost with its leader (7 s)."""

    def __init__(self, cancel, seconds=10):
        super().__init__(daemon=True)
        self.cancel, self.seconds = cancel, seconds
        self.sound, self.stopped = threading.Event(), False
        self.start()

    def run(self):
        while self.sound.wait(self.seconds):
            if self.stopped:
                return
            self.sound.clear()
        self.cancel()

    def heard(self):
        self.sound.set()

    def stop(self):
        self.stopped = True
        self.sound.set()


class KeepAlive(threading.Thread):
    """Renews a lease every third of its time, as the package leaves it to its users to do."""

    def __init__(self, renew, ttl):
        super().__init__(daemon=True)
        self.renew, self.ttl = renew, ttl
        self.stopped = threading.Event()
        self.answers = []
        self.start()

    def run(self):
        while not self.stopped.wait(self.ttl / 3):
            self.answers.append(self.renew())

    def stop(self):
        self.stopped.set()
        self.join()


def lease():
    one, other, third = CLIENTS
    held = one.lease(2)
    ttl = max(held.ttl(), 2)
    other.put("/lease/a", "x", lease=held)
    expect("a lease knows its keys", held.keys() == [b"/lease/a"], held.keys())
    keeper = KeepAlive(etcd3gw.lease.Lease(held.id, client=third).refresh, ttl)
    try:
        third.watch_once("/lease/a", timeout=2 * ttl + 1)
        raise AssertionError("a lease that is kept has ended")
    except etcd3gw.exceptions.WatchTimedOut:
        pass
    keeper.stop()
    expect("renewals tell its time", set(keeper.answers) == {2}, keeper.answers)
    event = third.watch_once("/lease/a", timeout=ttl + 5)
    expect("it ends when nobody keeps it", event["type"] == "DELETE", event)
    expect("then a renewal finds none", held.refresh() == -1)
    expect("and its key is gone", one.get("/lease/a") == [])


def lock():
    one, other, _ = CLIENTS
    held, wanted = one.lock("l", ttl=5), other.lock("l", ttl=5)
    expect("a lock is taken", held.acquire() and held.is_acquired())
    expect("by one", not wanted.acquire() and not wanted.is_acquired())
    expect("and refreshed", held.refresh() == 5)
    expect("only who holds it can release it", not wanted.release() and held.release())
    expect("then another may have it", wanted.acquire() and not held.is_acquired())
    expect("it goes with its lease", wanted.lease.revoke() and held.acquire())


def campaign(client, name, value, stopped):
    """The usual recipe on one key: who makes it leads, the others watch until it is gone."""
    held = client.lease(5)
    while not client.create(name, value, lease=held):
        try:
            client.watch_once(name, timeout=1)
        except etcd3gw.exceptions.WatchTimedOut:
            if stopped.is_set():
                return None
    return held


def election():
    one, other, third = CLIENTS
    stopped = threading.Event()
    first = campaign(one, "/election", "one", stopped)
    second = []
    rival = threading.Thread(
        target=lambda: second.append(campaign(other, "/election", "other", stopped)))
    rival.start()
    rival.join(0.5)
    expect("a rival waits", not second and third.get("/election") == [b"one"])
    first.revoke()
    rival.join(15)
    stopped.set()
    expect("and leads next", second and third.get("/election") == [b"other"])


run_scenarios([("kv", kv), ("txn", txn), ("watch", watch), ("lease", lease), ("lock", lock),
               ("election", election)])
