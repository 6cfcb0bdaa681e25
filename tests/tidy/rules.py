"""The tables of the tidy test: what each folder may include, limits, calls that are banned."""

FILE_LIMIT = 600
FUNCTION_LIMIT = 70
LINE_LIMIT = 100

# How many waivers waivers.txt holds: lower it with each that goes, never raise it.
WAIVERS = 1

# Folder -> what of ours it may include, by prefix; itself always.
OURS = {
    "base": [],
    "raft": ["base/"],
    "storage": ["base/", "proto/keelson/",
                # Raft's value types, not its machine.
                "raft/types.h", "raft/entry.h", "raft/ready.h", "raft/log_reader.h"],
    "server": ["base/", "raft/", "storage/", "proto/"],
    "client": ["base/", "proto/"],
    "cluster": ["base/", "client/keelson/", "proto/"],
    "bench": ["base/", "raft/", "storage/", "server/", "client/", "proto/", "tests/"],
    "tests": ["base/", "raft/", "storage/", "server/", "client/", "cluster/", "proto/", "bench/"],
}

TESTING = ["bench", "tests"]

# Library, by prefix of its header -> the only folders that may include it.
LIBRARIES = {
    "absl/": ["base", "raft", "storage", "server", "client", "cluster", *TESTING],
    "rocksdb/": ["storage/mvcc", "storage/snapshot", *TESTING],
    "asio": ["server/rpc", "server/peer", "server/loop", "server/kvd", *TESTING],
    "nghttp2/": ["server/rpc", *TESTING],
    "openssl/": ["base", "server/rpc", "server/peer", *TESTING],
    "grpcpp/": ["client/keelson/internal", "client/kvctl", *TESTING],
    "grpc/": ["client/keelson/internal", "client/kvctl", *TESTING],
    "google/protobuf/": ["storage", "server", "client", "cluster", *TESTING],
    "yaml-cpp/": ["server/kvd"],
    "systemd/": ["server/kvd"],
    "gtest/": ["tests"],
    "gmock/": ["tests"],
    "benchmark/": ["bench"],
}

# Of other headers, <x.h> and those in SYSTEM_FOLDERS are the operating system's; other libraries
# there are none.
SYSTEM_FOLDERS = ("sys/", "netinet/", "arpa/", "net/", "linux/")
SYSTEM = ["base", "storage/fs", "server/log", "server/loop", "server/peer", "server/rpc",
          "server/kvd", "client/kvctl", "cluster", *TESTING]

# Standard headers that reach the outside world, or other threads.
EFFECTS = {
    ("thread", "future", "condition_variable"):
        ["server/log", "server/loop", "client/keelson", "client/kvctl", "client/examples",
         "cluster", *TESTING],
    ("mutex", "shared_mutex", "atomic", "semaphore", "latch", "barrier"):
        ["storage/fs", "storage/mvcc", "server/api", "server/log", "server/loop", "client",
         "cluster", *TESTING],
    ("fstream", "iostream", "filesystem"): ["storage/fs", "client/kvctl", "cluster", *TESTING],
    ("random",): ["server/loop", "client/keelson/internal", "cluster", *TESTING],
    ("ctime", "csignal"): ["server/log", "server/kvd", "cluster", *TESTING],
}

# The library's public headers: nothing that they include, at any depth, is one of these.
PUBLIC = "client/keelson"
NOT_IN_PUBLIC = ["grpc", "google/protobuf/", "proto/"]

# Names of a drawer for what has no home.
DRAWERS = {"util", "utils", "common", "misc", "helpers", "lib", "shared"}

# Where nothing may reach the outside world but through a seam.
PURE = ["raft", "server/apply", "server/lease", "server/watch", "server/node", "storage/mvcc",
        "storage/wal", "storage/snapshot"]

CALL = r"(?<![\w.>])(?:std::|::)?"
BANNED_IN_PURE = {
    r"\b(this_thread|random_device|mt19937\w*|BitGen)\b": "inject it",
    CALL + r"(getenv|rand|srand|time|gettimeofday|clock_gettime|getpid)\(": "inject it",
    r"\b\w*_clock::now\b|\babsl::Now\b": "use the loop's clock",
    CALL + r"(open|fopen|fsync|fdatasync|write|pwrite|socket)\(": "go through storage/fs",
}
BANNED_EVERYWHERE = {
    CALL + r"(strcpy|strcat|sprintf|vsprintf|gets|strtok)\(":
        "use std::string or absl::StrFormat",
    CALL + r"(sleep|usleep|nanosleep)\(": "wait for the event instead",
    r"\busing namespace std;": "name what you use",
    r"\bassert\(": "KEELSON_CHECK stays on in release",
    r"(?<![\w.>])(?:std::)?exit\(": "return an absl::Status",
    r"\bthrow\b": "return an absl::Status",
}
BANNED_IN_TESTS = {
    r"\bsleep_(for|until)\(": "wait for the event instead",
    r"\b(EXPECT|ASSERT)_TRUE\(true\)|\b(EXPECT|ASSERT)_FALSE\(false\)": "it asserts nothing",
    r"\bDISABLED_\w": "a test that does not run is none",
}
BANNED_IN_COMMENTS = {r"\b(TODO|FIXME|XXX|HACK)\b": "do it, or leave it out"}
