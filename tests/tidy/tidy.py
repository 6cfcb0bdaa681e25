"""Style as a test: who may include whom, how long files and functions may be, calls that are banned.

Run from the repository's root: python3 tests/tidy/tidy.py. Prints every finding; exit 1 if any.
Waivers stand in waivers.txt with a reason; one that is no longer needed is a finding too.
"""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

FILE_LIMIT = 600
FUNCTION_LIMIT = 70
LINE_LIMIT = 100

# Folder -> prefixes of our own folders that it may include (its own is always allowed).
OURS = {
    "base": [],
    "raft": ["base"],
    "storage": ["base", "raft", "proto/keelson"],
    "server": ["base", "raft", "storage", "proto"],
    "client": ["base", "proto"],
    "cluster": ["base", "client", "proto"],
    "tests": ["base", "raft", "storage", "server", "client", "cluster", "proto", "bench"],
    "bench": ["base", "raft", "storage", "server", "client", "proto", "tests"],
}

# Library header -> the only places that may include it.
LIBRARIES = {
    "rocksdb/": ["storage/mvcc", "storage/snapshot", "bench", "tests"],
    "asio": ["server/rpc", "server/peer", "server/loop", "server/kvd", "bench", "tests"],
    "nghttp2/": ["server/rpc", "bench", "tests"],
    "openssl/": ["server/rpc", "server/peer", "bench", "tests"],
    "grpcpp/": ["client/keelson/internal", "client/kvctl", "bench", "tests"],
    "grpc/": ["client/keelson/internal", "client/kvctl", "bench", "tests"],
    "google/protobuf/": ["server", "client", "storage", "cluster", "bench", "tests"],
}

# In `raft/` and the state machines nothing may reach the outside world but through a seam.
PURE = ["raft", "server/apply", "server/lease", "server/watch", "server/node", "storage/mvcc",
        "storage/wal", "storage/snapshot"]
BANNED_IN_PURE = {
    r"#include <(thread|fstream|iostream|random)>": "inject it: seams.h, fs.h",
    r"\b(std::this_thread|std::random_device|std::mt19937)\b": "inject it",
    r"\b(getenv|rand|srand|time|usleep|sleep)\(": "inject it",
    r"\bsystem_clock::now\b": "use the loop's clock",
}
BANNED_EVERYWHERE = {
    r"\b(strcpy|strcat|sprintf|gets)\(": "use std::string or absl::StrFormat",
    r"\busing namespace std;": "name what you use",
    r"\bassert\(": "KEELSON_CHECK stays on in release",
    r"\bexit\(": "return an absl::Status",
}
BANNED_IN_TESTS = {
    r"\bsleep_for\(": "wait for the event instead",
    r"\bEXPECT_TRUE\(true\)": "it asserts nothing",
}


def tracked(patterns):
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns],
                             check=True, capture_output=True, text=True)
    return [p for p in map(Path, listing.stdout.split()) if p.exists()]


def under(path, folders):
    return any(str(path).startswith(folder + "/") for folder in folders)


def check_includes(path, lines, report):
    folder = path.parts[0]
    for number, line in enumerate(lines, 1):
        match = re.match(r'#include ["<]([^">]+)[">]', line)
        if not match:
            continue
        header = match.group(1)
        top = header.split("/")[0]
        if top in OURS or top == "proto":
            if top != folder and not any(header.startswith(p + "/")
                                         for p in OURS.get(folder, [])):
                report(path, number, "include", f"{folder}/ may not include {header}")
            continue
        for prefix, allowed in LIBRARIES.items():
            if header.startswith(prefix) and not under(path, allowed):
                report(path, number, "library", f"{header} only in {', '.join(allowed)}")


def check_calls(path, lines, report):
    rules = dict(BANNED_EVERYWHERE)
    if under(path, PURE):
        rules.update(BANNED_IN_PURE)
    if path.parts[0] == "tests":
        rules.update(BANNED_IN_TESTS)
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        for pattern, instead in rules.items():
            if re.search(pattern, code):
                report(path, number, "call", f"{code.strip()}: {instead}")
        if len(line) > LINE_LIMIT and '"' not in line:
            report(path, number, "line", f"{len(line)} characters, at most {LINE_LIMIT}")


def check_lengths(path, lines, report):
    if len(lines) > FILE_LIMIT:
        report(path, 1, "file", f"{len(lines)} lines, at most {FILE_LIMIT}")
    # clang-format puts the brace that ends a function in the column where its first line began.
    start, indent = None, ""
    for number, line in enumerate(lines, 1):
        opens = re.match(r"^( {0,2})(?!namespace|class|struct|enum|union|extern|using|\})"
                         r"\S.*\{$", line)
        if start is None and opens and ("(" in line or line.startswith("    ")):
            start, indent = number, opens.group(1)
        elif start is not None and re.match(rf"^{indent}\}}", line):
            if number - start + 1 > FUNCTION_LIMIT:
                report(path, start, "function",
                       f"{number - start + 1} lines, at most {FUNCTION_LIMIT}")
            start = None


def read_waivers(path):
    waivers = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            place, kind, reason = line.split(maxsplit=2)
            waivers[(place, kind)] = reason
    return waivers


def main():
    waivers = read_waivers(Path("tests/tidy/waivers.txt"))
    used, findings = set(), defaultdict(int)

    def report(path, number, kind, text):
        if (str(path), kind) in waivers:
            used.add((str(path), kind))
            return
        findings[kind] += 1
        print(f"{path}:{number}: {kind}: {text}")

    files = tracked(["*.cc", "*.h"])
    for path in files:
        lines = path.read_text().splitlines()
        check_includes(path, lines, report)
        check_calls(path, lines, report)
        check_lengths(path, lines, report)
    for place, kind in sorted(set(waivers) - used):
        findings["waiver"] += 1
        print(f"tests/tidy/waivers.txt: {place} {kind}: no longer needed, remove it")
    if findings:
        print(", ".join(f"{count} {kind}" for kind, count in sorted(findings.items())))
        return 1
    print(f"{len(files)} files are tidy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
