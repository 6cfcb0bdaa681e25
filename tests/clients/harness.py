"""What the Python programs share: how they speak to the runner, and the ledger of a watch."""

import contextlib
import socket
import sys
import threading
import time
import traceback


def ask(verb, member):
    """Has the runner do something to a member; returns once it is done."""
    print(verb, member, flush=True)
    answer = sys.stdin.readline()
    if answer != "done\n":
        raise RuntimeError(f"{verb} {member}: {answer!r}")


def expect(what, condition, detail=""):
    if not condition:
        raise AssertionError(f"{what}: {detail}")


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def until(what, seconds, condition):
    """Asks again until it holds; returns what it then was."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        expect(what, time.monotonic() < deadline, f"not within {seconds} s")
        time.sleep(0.2)  # who is asked here tells nobody of a change


def run_scenarios(scenarios, chained=False):
    """Each (name, function). One that fails does not keep the next from running, unless they are
    chained: each begins with what the one before has left."""
    failed = None
    for name, function in scenarios:
        if failed and chained:
            print("fail", name, f"since {failed} has failed", flush=True)
            continue
        try:
            print("pass", name, function() or "", flush=True)
        except Exception as error:  # noqa: BLE001: whatever a client raises is a failure
            failed = name
            print("fail", name, f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)
            traceback.print_exc()


class Writer(threading.Thread):
    """Puts one key after the other, each until it is acknowledged, by `put(key)`. A put may happen
    twice: its first answer was lost with its member."""

    def __init__(self, put):
        super().__init__(daemon=True)
        self.put = put
        self.stopped = threading.Event()
        self.last = None
        self.start()

    def run(self):
        number = 0
        while not self.stopped.is_set():
            key = f"/watch/{number:06}"
            while True:
                try:
                    self.put(key)
                    break
                except Exception:  # noqa: BLE001: it was lost with its member
                    continue
            self.last = key
            number += 1

    def finish(self):
        """Returns the last key."""
        self.stopped.set()
        self.join()
        return self.last


class History:
    """What a watch from `start` on has shown: of each key how often it was put, and when last."""

    def __init__(self, start):
        self.revision = start - 1
        self.events = 0
        self.by_key = {}

    def add(self, key, revision):
        expect("revisions grow", revision > self.revision, f"{revision} after {self.revision}")
        self.revision = revision
        self.events += 1
        self.by_key[key] = (self.by_key.get(key, (0, 0))[0] + 1, revision)

    def compare(self, keys):
        """With `keys`, as read: key -> (version, mod_revision). A key's version counts its puts."""
        wrong = {key: (seen, self.by_key.get(key)) for key, seen in keys.items()
                 if self.by_key.get(key) != seen}
        expect("each event is shown once", not wrong and len(keys) == len(self.by_key),
               f"(read, seen) by key: {dict(list(wrong.items())[:5])}")


def watch_over_killed_member(watch_from, put, members, read):
    """Kills the first of `members`, under a watch that hangs on it, and follows on the second; then
    starts it and follows there. watch_from(member, revision) yields (key, mod_revision), and raises
    once the member is lost; read() is what is there now, key -> (version, mod_revision)."""
    put("/watch/first")
    history = History(read()["/watch/first"][1])
    writer = Writer(put)
    victim, other = members

    def follow(member, enough):
        for key, revision in watch_from(member, history.revision + 1):
            history.add(key, revision)
            if enough():
                return

    def kill_it():
        if history.events == 50:
            ask("kill", victim)
        return False

    try:
        follow(victim, kill_it)
    except Exception:  # noqa: BLE001: each client has its own way to say that a member is lost
        if history.events < 50:
            raise
    for member, first in ((other, None), (victim, "start")):
        if first:
            ask(first, member)
        seen = history.events
        follow(member, lambda: history.events >= seen + 100)  # noqa: B023: it is called at once
    last = writer.finish()
    if last not in history.by_key:
        follow(victim, lambda: last in history.by_key)
    history.compare(read())
