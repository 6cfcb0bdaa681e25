"""The tests that Kubernetes has of its storage, as its registry has them, on kvd: a server of its own
for each. Only what starts the server is ours (kubernetes/testserver.go).

    kubernetes_test.py TESTS ENDPOINTS, where TESTS is their compiled program; SERVER is to be tested
"""

import os
import re
import subprocess
import sys
import tempfile


def main():
    outcomes = {"PASS": [], "FAIL": [], "SKIP": []}
    with tempfile.TemporaryDirectory(prefix="keelson-kubernetes-") as directory:
        # Its own folder: the tests look for files of their package's in the current one.
        done = subprocess.Popen(
            [sys.argv[1], "-test.v", "-test.timeout", "8m", "-test.parallel", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, "TMPDIR": directory, "KVD": os.environ["SERVER"]}, cwd=directory)
        for line in done.stdout:
            print(line, end="", file=sys.stderr)
            found = re.match(r"--- (PASS|FAIL|SKIP): (\S+)", line)
            if found:
                outcomes[found.group(1)].append(found.group(2))
        done.wait()
    if done.returncode != 0 or not outcomes["PASS"]:
        print("fail storage", ", ".join(outcomes["FAIL"]) or f"ended with {done.returncode}",
              f"({len(outcomes['PASS'])} tests passed)")
    else:
        print(f"pass storage {len(outcomes['PASS'])} tests, {len(outcomes['SKIP'])} skipped")


if __name__ == "__main__":
    main()
