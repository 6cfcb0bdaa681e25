"""Style as a test: who may include whom, lengths, banned calls, files that nothing uses.

Run from the repository's root: python3 tests/tidy/tidy.py. Prints every finding; exit 1 if any.
The rules' tables are in rules.py. Waivers stand in waivers.txt with a reason; one that is no
longer needed is a finding too.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import rules
from cpp_source import code_of, comments_of, functions_of, includes_of

WAIVERS_FILE = "tests/tidy/waivers.txt"


class Tree:
    """The repository's files, read once, and the findings about them."""

    def __init__(self, root):
        self.root = Path(root)
        listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root,
                                 check=True, capture_output=True, text=True).stdout.splitlines()
        self.files = [name for name in listing if (self.root / name).is_file()]
        self.sources = {name: self.read(name) for name in self.files
                        if name.endswith((".cc", ".h"))}
        self.includes = {name: list(includes_of(text)) for name, text in self.sources.items()}
        self.findings = []

    def read(self, name):
        return (self.root / name).read_text(errors="replace")

    def report(self, name, line, kind, text):
        self.findings.append((name, line, kind, text))


def under(name, folders):
    return any(name.startswith(folder + "/") for folder in folders)


def check_matrix(tree):
    """Folder against folder: rules.OURS."""
    for name, includes in tree.includes.items():
        top = name.split("/")[0]
        if top not in rules.OURS:
            tree.report(name, 1, "folder", f"{top}/ has no row in tests/tidy/rules.py")
            continue
        for include in includes:
            target = include.header.split("/")[0]
            if target not in {*rules.OURS, "proto"} or target == top:
                continue
            if not include.header.startswith(tuple(rules.OURS[top])):
                tree.report(name, include.line, "include",
                            f"{top}/ may not include {include.header}")


def check_libraries(tree):
    """Libraries, the operating system and standard headers with effects, each in its places."""
    effects = {header: places for headers, places in rules.EFFECTS.items() for header in headers}
    for name, includes in tree.includes.items():
        for line, header in includes:
            if header.split("/")[0] in {*rules.OURS, "proto"}:
                continue
            places = next((places for prefix, places in rules.LIBRARIES.items()
                           if header.startswith(prefix)), None)
            if places is None and header.endswith(".h"):
                system = "/" not in header or header.startswith(rules.SYSTEM_FOLDERS)
                places = rules.SYSTEM if system else []
            elif places is None:
                places = [] if "/" in header else effects.get(header)
            if places is not None and not under(name, places):
                tree.report(name, line, "library",
                            f"{header} only in {', '.join(places) or 'no place: unknown'}")


def reach(tree, name, seen):
    """All that `name` includes, at any depth, with the file that does: (header, by)."""
    for include in tree.includes.get(name, []):
        if include.header not in seen:
            seen[include.header] = name
            reach(tree, include.header, seen)
    return seen


def check_public_headers(tree):
    for name in tree.sources:
        inside = Path(name).is_relative_to(rules.PUBLIC) and "internal" not in Path(name).parts
        if not (name.endswith(".h") and inside):
            continue
        for header, by in reach(tree, name, {}).items():
            if header.startswith(tuple(rules.NOT_IN_PUBLIC)):
                tree.report(name, 1, "public", f"shows {header}, through {by}")


def check_cycles(tree):
    """No header includes itself through others."""
    state = {}

    def visit(name, way):
        state[name] = "open"
        for include in tree.includes[name]:
            if state.get(include.header) == "open":
                loop = way[way.index(include.header):] + [include.header]
                tree.report(name, include.line, "cycle", " -> ".join(loop))
            elif include.header in tree.includes and include.header not in state:
                visit(include.header, way + [include.header])
        state[name] = "done"

    for name in tree.includes:
        if name not in state:
            visit(name, [name])


def check_calls(tree):
    for name, text in tree.sources.items():
        banned = dict(rules.BANNED_EVERYWHERE)
        if under(name, rules.PURE):
            banned.update(rules.BANNED_IN_PURE)
        if under(name, ["tests"]):
            banned.update(rules.BANNED_IN_TESTS)
        for number, line in enumerate(code_of(text).splitlines(), 1):
            for pattern, instead in banned.items():
                if re.search(pattern, line):
                    tree.report(name, number, "call", f"{line.strip()}: {instead}")
        for number, comment in comments_of(text):
            for pattern, instead in rules.BANNED_IN_COMMENTS.items():
                if re.search(pattern, comment):
                    tree.report(name, number, "comment", f"{comment}: {instead}")


def check_lengths(tree):
    for name, text in tree.sources.items():
        lines = text.splitlines()
        if len(lines) > rules.FILE_LIMIT:
            tree.report(name, 1, "file", f"{len(lines)} lines, at most {rules.FILE_LIMIT}")
        for number, line in enumerate(lines, 1):
            if len(line) > rules.LINE_LIMIT and '"' not in line:
                tree.report(name, number, "line",
                            f"{len(line)} characters, at most {rules.LINE_LIMIT}")
        for function in functions_of(code_of(text)):
            if function.length > rules.FUNCTION_LIMIT:
                tree.report(name, function.line, "function",
                            f"{function.length} lines, at most {rules.FUNCTION_LIMIT}")


def check_dead_files(tree):
    """Sources that no build names, headers that nobody includes, scripts that nobody calls."""
    # By another than its own .cc.
    included = {include.header for name, includes in tree.includes.items() for include in includes
                if Path(name).with_suffix("") != Path(include.header).with_suffix("")}
    built = set()
    for name in tree.files:
        if Path(name).name == "CMakeLists.txt":
            text = tree.read(name).replace("${CMAKE_SOURCE_DIR}/", "/")
            for source in re.findall(r"[\w./-]+\.cc\b", text):
                built.add(source[1:] if source.startswith("/")
                          else str(Path(name).parent / source))
    texts = {name: tree.read(name) for name in tree.files
             if name == "dev" or name.endswith((".py", ".sh", ".txt", "/run"))}
    for name in tree.files:
        path = Path(name)
        if path.suffix == ".h":
            used = name in included
        elif path.suffix == ".cc":
            used = name in built
        elif path.suffix in (".py", ".sh"):
            used = path.name.endswith("_test.py") or any(
                re.search(rf"\b{re.escape(path.stem)}\b", text)
                for other, text in texts.items() if other != name)
        else:
            continue
        if not used:
            tree.report(name, 1, "dead", "nothing uses this file")


def check_names(tree):
    for name in tree.sources:
        path = Path(name)
        if rules.DRAWERS & {*path.parts[:-1], path.stem}:
            tree.report(name, 1, "drawer", "name the concept, not a drawer")


CHECKS = [check_matrix, check_libraries, check_public_headers, check_cycles, check_calls,
          check_lengths, check_dead_files, check_names]


def apply_waivers(tree, limit):
    """Takes out what waivers.txt lets pass; what is wrong with the list itself is a finding."""
    waived = set()
    for line in tree.read(WAIVERS_FILE).splitlines():
        if line and not line.startswith("#"):
            place, kind, reason = (line.split(maxsplit=2) + ["", ""])[:3]
            if not reason:
                tree.report(WAIVERS_FILE, 1, "waiver", f"{place}: a waiver has a reason")
            waived.add((place, kind))
    used = {(name, kind) for name, _, kind, _ in tree.findings} & waived
    tree.findings = [f for f in tree.findings if (f[0], f[2]) not in waived]
    for place, kind in sorted(waived - used):
        tree.report(WAIVERS_FILE, 1, "waiver", f"{place} {kind}: no longer needed, remove it")
    if len(waived) != limit:
        tree.report(WAIVERS_FILE, 1, "waiver",
                    f"{len(waived)} waivers, rules.py says {limit}: it may only go down")


def check(root, waivers=rules.WAIVERS):
    """All findings about the repository at `root`."""
    tree = Tree(root)
    for each in CHECKS:
        each(tree)
    apply_waivers(tree, waivers)
    return tree


def main():
    tree = check(".")
    for name, line, kind, text in sorted(tree.findings):
        print(f"{name}:{line}: {kind}: {text}")
    if tree.findings:
        print(", ".join(f"{count} {kind}" for kind, count
                        in sorted(Counter(f[2] for f in tree.findings).items())))
        return 1
    print(f"{len(tree.sources)} files are tidy")
    return 0


if __name__ == "__main__":
    sys.exit(main())
