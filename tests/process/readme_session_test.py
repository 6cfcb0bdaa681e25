"""What a README shows runs as printed: readme_session_test.py BIN [README SECTION], from the root.

Takes each `$ ` line and what is printed after it, runs it against a cluster of deploy/cluster.py, on
free ports in place of the default ones, and compares. A line without output must only succeed.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, "deploy")
import cluster as deploy  # noqa: E402: the path comes first

PRINTED_PORTS = (2379, 22379, 32379)


def session(readme, title):
    """[[command, expected output]] of the section with that title."""
    section = readme.split(f"## {title}\n")[1].split("\n## ")[0]
    steps = []
    for line in section.splitlines():
        text = line.removeprefix("    ")
        if text == line:
            continue
        if text.startswith("$ "):
            steps.append([text[2:], ""])
        else:
            steps[-1][1] += text + "\n"
    return steps


def run_watch(command, shell, cluster):
    """A watch does not end by itself: it must print a write that is made meanwhile."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, **shell) as watch:
        try:
            seen, deadline = b"", time.monotonic() + 20
            while b"greeting" not in seen and time.monotonic() < deadline:
                cluster.kvctl("put", "greeting", "again")
                readable, _, _ = select.select([watch.stdout], [], [], 0.1)
                if readable:
                    seen += os.read(watch.stdout.fileno(), 4096)
        finally:
            # The watch is a child of the shell, where that does not replace itself by it.
            os.killpg(watch.pid, deploy.signal.SIGKILL)
    deploy.expect(f"$ {command}", b"greeting" in seen, seen)


def run_session(steps, binaries, cluster):
    environment = {**os.environ, "KVCTL_ENDPOINTS": cluster.members[0].endpoint}
    shell = {"shell": True, "env": environment, "start_new_session": True}
    for command, expected in steps:
        command = command.replace("build/release/bin", binaries)
        for port, member in zip(PRINTED_PORTS, cluster.members):
            command = command.replace(f"127.0.0.1:{port}", member.endpoint)
        if " watch " in command:
            run_watch(command, shell, cluster)
            continue
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, **shell)
        deploy.expect(f"$ {command}", done.returncode == 0, done.stderr)
        deploy.expect("  prints what README says", expected in ("", done.stdout),
                      f"\n{done.stdout}instead of\n{expected}")


def main():
    binaries, readme, title = (sys.argv[1:] + ["README.md", "A first session"])[:3]
    steps = session(Path(readme).read_text(), title)
    deploy.expect(f"{readme} has a session", len(steps) >= 3)
    cluster = deploy.Cluster(binaries)
    try:
        cluster.start()
        cluster.wait_healthy()
        run_session(steps, binaries, cluster)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
