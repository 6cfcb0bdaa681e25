"""The installed client library serves a program outside of this tree: package_test.py BUILD, from the root.

Installs it to a prefix of its own, looks at what the public headers show, builds tests/package/outside
with CMake and with pkg-config, and runs both against a cluster of deploy/cluster.py.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, "deploy")
import cluster as deploy  # noqa: E402: the path comes first

# What an including program must not have to see.
HIDDEN = ("/grpc", "/google/protobuf/", "/client/keelson/internal/", "/recipes/internal/", ".pb.h")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    deploy.expect(" ".join(map(str, command)), done.returncode == 0, done.stdout + done.stderr)
    return done.stdout


def check_headers(prefix, work):
    """All public headers in one source, on their own; and what they include, at any depth."""
    include = prefix / "include/keelson"
    headers = sorted(path.relative_to(include) for path in include.rglob("*.h"))
    deploy.expect("headers are installed", Path("client/keelson/client.h") in headers)
    source = work / "all.cc"
    source.write_text("".join(f'#include "{header}"\n' for header in headers))
    flags = ["-std=c++20", "-Wall", "-Wextra", "-Werror", f"-I{include}", str(source)]
    run("c++", "-fsyntax-only", *flags)
    included = run("c++", "-M", *flags).replace("\\\n", " ").split()
    shown = [name for name in included if any(part in name for part in HIDDEN)]
    deploy.expect("they show neither gRPC nor protobuf, nor what is internal", not shown, shown)


def build_with_cmake(prefix, work):
    build = work / "cmake"
    run("cmake", "-S", "tests/package/outside", "-B", str(build), f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", str(build))
    return build / "outside"


def build_with_pkg_config(prefix, work):
    config = next(prefix.rglob("keelson.pc")).parent
    flags = run("pkg-config", "--cflags", "--libs", "keelson",
                env={**os.environ, "PKG_CONFIG_PATH": str(config)}).split()
    binary = work / "with-pkg-config"
    run("c++", "-std=c++20", "tests/package/outside/main.cc", "-o", str(binary), *flags)
    return binary


def main():
    build = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="keelson-package-") as directory:
        work = Path(directory)
        prefix = work / "prefix"
        run("cmake", "--install", build, "--component", "client", "--prefix", str(prefix))
        check_headers(prefix, work)
        programs = [build_with_cmake(prefix, work), build_with_pkg_config(prefix, work)]
        cluster = deploy.Cluster(f"{build}/bin")
        try:
            cluster.start()
            cluster.wait_healthy()
            for program in programs:
                said = run(str(program), cluster.members[0].endpoint)
                deploy.expect(f"{program.name} works", said == "works\n", said)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
