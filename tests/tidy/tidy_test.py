"""The tidy test catches what it is there for: one small repository for each kind of violation."""

import subprocess
import tempfile
import unittest
from pathlib import Path

import cpp_source
import rules
import tidy

# A repository without a finding; each case below adds to it or replaces some of it.
TIDY = {
    "base/CMakeLists.txt": "keelson_library(keelson_base SRCS check.cc)\n",
    "base/check.h": "#include <string>\nvoid Check();\n",
    "base/check.cc": '#include "base/check.h"\n#include "absl/strings/str_cat.h"\n',
    "tests/CMakeLists.txt": "keelson_test(check_test SRCS check_test.cc)\n",
    "tests/check_test.cc": '#include "base/check.h"\n#include <gtest/gtest.h>\n',
    "tests/tidy/waivers.txt": "# PATH KIND REASON\n",
}


def source(folder, text, name="x"):
    """A file that is built, with its header used, so that only `text` can be wrong."""
    return {f"{folder}/CMakeLists.txt": f"lib(SRCS {name}.cc)\n", f"{folder}/{name}.cc": text}


def function(lines):
    return "int Long(int a,\n         int b) {\n" + "  Step();\n" * (lines - 3) + "}\n"


# Kind of finding -> repositories that must have it, and no other kind.
CAUGHT = {
    "include": [
        source("raft", '#include "storage/wal/wal.h"\n'),
        source("raft", '#include "proto/keelson/entry.pb.h"\n'),
        source("storage/wal", '#include "raft/core.h"\n'),
        source("storage/wal", '#include "proto/etcd/kv.pb.h"\n'),
        source("storage/wal", '#include "server/node/node.h"\n'),
        source("server/node", '#include "client/keelson/client.h"\n'),
        source("server/node", '#include "tests/harness/ports.h"\n'),
        source("client/kvctl", '#include "raft/types.h"\n'),
        source("client/kvctl", '#include "storage/fs/fs.h"\n'),
        source("cluster", '#include "server/api/call.h"\n'),
        source("cluster", '#include "client/kvctl/run.h"\n'),
        source("bench/wal", '#include "cluster/scheduler.h"\n'),
    ],
    "library": [
        source("raft", "#include <thread>\n"),
        source("raft", "#include <mutex>\n"),
        source("raft", "#include <unistd.h>\n"),
        source("raft", "#include <google/protobuf/message.h>\n"),
        source("raft", "#include <random>\n"),
        source("storage/wal", '#include "rocksdb/db.h"\n'),
        source("storage/wal", "#include <fcntl.h>\n"),
        source("storage/mvcc", "#include <fstream>\n"),
        source("server/node", "#include <asio/post.hpp>\n"),
        source("server/api", "#include <nghttp2/nghttp2.h>\n"),
        source("server/api", "#include <openssl/ssl.h>\n"),
        source("server/rpc", "#include <grpcpp/grpcpp.h>\n"),
        source("client/keelson", "#include <grpcpp/grpcpp.h>\n"),
        source("server/rpc", "#include <boost/asio.hpp>\n"),
        source("base", "#include <gtest/gtest.h>\n", "check"),
    ],
    "public": [
        {**source("client/keelson", '#include "client/keelson/x.h"\n'),
         "client/keelson/y.h": '#include "client/keelson/x.h"\n',
         "client/keelson/z.cc": '#include "client/keelson/y.h"\n',
         "client/keelson/CMakeLists.txt": "lib(x.cc z.cc)\n",
         "client/keelson/x.h": '#include "proto/etcd/kv.pb.h"\n'},
        {**source("client/kvctl", '#include "client/keelson/recipes/x.h"\n'),
         "client/keelson/recipes/x.h": '#include "proto/etcd/kv.pb.h"\n'},
    ],
    "cycle": [
        {**source("raft", '#include "raft/a.h"\n'), "raft/a.h": '#include "raft/b.h"\n',
         "raft/b.h": '#include "raft/c.h"\n', "raft/c.h": '#include "raft/a.h"\n'},
    ],
    "call": [
        source("raft", "int a = std::rand();\n"),
        source("raft", "int64_t a = time(nullptr);\n"),
        source("server/node", "auto t = std::chrono::steady_clock::now();\n"),
        source("server/apply", "auto t = absl::Now();\n"),
        source("storage/wal", "int fd = ::open(path, O_RDONLY);\n"),
        source("server/lease", 'const char* v = getenv("HOME");\n'),
        source("server/kvd", "using namespace std;\n"),
        source("server/kvd", "void F() { exit(1); }\n"),
        source("server/kvd", "void F() { throw 1; }\n"),
        source("server/kvd", "void F() { assert(true); }\n"),
        source("server/kvd", "void F() { sprintf(a, b); }\n"),
        source("tests/x", "void F() { std::this_thread::sleep_for(1ms); }\n"),
        source("tests/x", "void F() { usleep(1000); }\n"),
        source("tests/x", "TEST(A, B) { EXPECT_TRUE(true); }\n"),
        source("tests/x", "TEST(A, DISABLED_B) { F(); }\n"),
    ],
    "comment": [source("raft", "// TODO: all of it\n"), source("raft", "/* a\n FIXME */\n")],
    "line": [source("raft", "int " + "a" * 96 + ";\n")],
    "file": [source("raft", "int a;\n" * 601)],
    "function": [
        source("raft", function(71)),
        source("raft", "namespace a {\nclass B {\n" + function(71) + "};\n}\n"),
        source("tests/x", "TEST(A, B) {\n" + "  Step();\n" * 70 + "}\n"),
    ],
    "dead": [
        {"raft/x.cc": "int a;\n"},
        {**source("raft", '#include "raft/x.h"\n'), "raft/x.h": "int a;\n"},
        {"deploy/left_over.py": "print()\n"},
        {"deploy/left_over.sh": "true\n"},
    ],
    "drawer": [source("server/util", "int a;\n"), source("raft", "int a;\n", "helpers")],
    "folder": [source("extras", "int a;\n")],
    "waiver": [
        {"tests/tidy/waivers.txt": "raft/x.cc call it was needed once\n"},
        {**source("raft", "int a = rand();\n"), "tests/tidy/waivers.txt": "raft/x.cc call\n"},
    ],
}

# What looks like a violation and is none.
PASSES = [
    source("raft", "// time(nullptr) and exit(1)\n/* rand() */\n"),
    source("raft", 'const char* a = "time( \\" // rand()";\n'),
    source("raft", 'const char* a = R"(open(")";\nconst int64_t b = 1\'000;\n'),
    source("raft", "int a = clock.time() + clock->time() + lifetime(1);\n"),
    source("raft", '#include "raft/y.h"\n') | {"raft/y.h": '#include "absl/types/span.h"\n'},
    source("raft", function(70)),
    source("raft", "const int kTable[] = {\n" + "    Entry(1),\n" * 80 + "};\n"),
    source("raft", "class A {\n" + "  int F(int a);\n" * 80 + "};\n"),
    source("raft", "int a;\n" * 600),
]


def findings(files, waivers):
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["git", "init", "-q", root], check=True)
        for name, text in (TIDY | files).items():
            path = Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tidy.check(root, waivers).findings


class TidyTest(unittest.TestCase):
    def test_tidy_repository_passes(self):
        self.assertEqual(findings({}, 0), [])

    def test_each_kind_of_violation_is_caught(self):
        for kind, repositories in CAUGHT.items():
            for files in repositories:
                waivers = 1 if kind == "waiver" else 0
                with self.subTest(kind=kind, files=files):
                    self.assertEqual({f[2] for f in findings(files, waivers)}, {kind})

    def test_what_is_allowed_passes(self):
        for files in PASSES:
            with self.subTest(files=files):
                self.assertEqual(findings(files, 0), [])

    def test_every_folder_keeps_to_its_row(self):
        for folder, allowed in rules.OURS.items():
            for other in rules.OURS:
                if other == folder or any(a.startswith(other + "/") for a in allowed):
                    continue
                with self.subTest(folder=folder, other=other):
                    files = source(folder, f'#include "{other}/some/header.h"\n', "check")
                    self.assertIn("include", {f[2] for f in findings(files, 0)})

    def test_waived_finding_passes_and_a_second_waiver_does_not(self):
        files = source("raft", "int a = rand();\n") | {
            "tests/tidy/waivers.txt": "raft/x.cc call reasons\n"}
        self.assertEqual(findings(files, 1), [])
        self.assertEqual({f[2] for f in findings(files, 0)}, {"waiver"})

    def test_function_is_counted_from_its_signature(self):
        code = cpp_source.code_of("#define A {\n\nint a = {1};\n\nint F(int a,\n      int b) {\n  if "
                                  "(a) {\n  }\n}\n\nvoid G() {}\n")
        self.assertEqual(list(cpp_source.functions_of(code)), [(5, 5), (11, 1)])


if __name__ == "__main__":
    unittest.main()
