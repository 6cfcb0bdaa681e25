"""The programs: what each needs, how it is built, how it is run.

What is built is under build/clients. Packages come from their registries by their own clients; a
missing toolchain, or a package that can't be had, is a reason to skip, a failed build is not.
"""

import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CLIENT_SCENARIOS = ("kv", "txn", "watch", "lease", "lock", "election")


class Skip(Exception):
    """Why a program can't be run here."""


class Broken(Exception):
    """Why a program could not be built."""


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **options)


def tool(name, package, at_least=None, version_flag="--version"):
    """Where a toolchain's program is; `package` is Debian's that would bring it."""
    path = shutil.which(name)
    if not path:
        raise Skip(f"no {name} (Debian package {package})")
    if at_least:
        found = re.search(r"(\d+)\.(\d+)", run([path, version_flag]).stdout)
        if not found or (int(found.group(1)), int(found.group(2))) < at_least:
            wanted = ".".join(map(str, at_least))
            raise Skip(f"{name} is older than {wanted} (Debian package {package})")
    return path


def fetch(command, **options):
    done = run(command, **options)
    if done.returncode != 0:
        last = (done.stdout.strip().splitlines() or ["no word"])[-1]
        raise Skip(f"its packages could not be fetched: {last}")


def compile_(command, **options):
    done = run(command, **options)
    if done.returncode != 0:
        raise Broken(done.stdout)


def copy_newer(source, target):
    """With its time, so that what is built of it stays good."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not os.path.exists(target) or os.path.getmtime(source) != os.path.getmtime(target):
        shutil.copy2(source, target)


class Program:
    """One program. `client` finds the client's name and version in the file `manifest`."""
    name = None
    manifest = None
    client = None
    scenarios = CLIENT_SCENARIOS
    servers = ("kvd", "etcd")
    # Left out where no program is named.
    only_by_name = False
    # How many seconds all of its scenarios may take.
    limit = 240

    # The folder of its source, where that is not its name.
    folder = None

    def __init__(self, build_root):
        self.source = os.path.join(HERE, self.folder or self.name)
        self.build = os.path.join(build_root, self.folder or self.name)
        os.makedirs(self.build, exist_ok=True)

    def title(self):
        with open(os.path.join(self.source, self.manifest)) as manifest:
            return " ".join(re.search(self.client, manifest.read()).groups())

    def prepare(self):
        """Builds what is not built yet; returns the command that takes the endpoints."""
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)


class Go(Program):
    name = "go"
    manifest = "go.mod"
    client = r"go\.etcd\.io/etcd/(client/v3) v(\S+)"

    def prepare(self):
        go = tool("go", "golang-go", (1, 24), "version")
        binary = os.path.join(self.build, "program")
        environment = {**os.environ, "GOMAXPROCS": "2", "GOFLAGS": "-mod=readonly"}
        fetch([go, "list", "-deps", "."], cwd=self.source, env=environment)
        compile_([go, "build", "-p", "2", "-o", binary, "."], cwd=self.source, env=environment)
        return [binary]


class GoMore(Go):
    """The same program: what Kubernetes does, refusals, and what is left without a quorum."""
    name = "go-more"
    folder = "go"
    scenarios = ("kubernetes", "refusals", "failover", "no-quorum")

    def prepare(self):
        return [*super().prepare(), "-scenarios", "more"]


class Restarts(Go):
    """The same program: what a load through clientv3 sees of restarts."""
    name = "restarts"
    folder = "go"
    scenarios = ("rolling-restart", "move-leader", "replace-member")

    def prepare(self):
        return [*super().prepare(), "-scenarios", "restarts"]


class Upgrade(Go):
    """The same program: members of one version and the next, side by side."""
    name = "upgrade"
    folder = "go"
    scenarios = ("rolling-upgrade",)
    servers = ("kvd",)

    def prepare(self):
        return [*super().prepare(), "-scenarios", "upgrade"]


class Python(Program):
    """In an environment of its own, filled from PyPI."""
    manifest = "requirements.txt"

    def prepare(self):
        requirements = os.path.join(self.source, self.manifest)
        mark = os.path.join(self.build, self.manifest)
        python = os.path.join(self.build, "bin", "python")
        if not os.path.exists(mark) or os.path.getmtime(mark) != os.path.getmtime(requirements):
            if run([sys.executable, "-m", "venv", "--clear", self.build]).returncode != 0:
                raise Skip("no venv for python3 (Debian package python3-venv)")
            fetch([python, "-m", "pip", "install", "--quiet", "-r", requirements])
            copy_newer(requirements, mark)
        return [python, os.path.join(self.source, "program.py")]


class PythonEtcd3(Python):
    name = "python-etcd3"
    client = r"(etcd3)==(\S+)"


class PythonEtcd3gw(Python):
    name = "python-etcd3gw"
    client = r"(etcd3gw)==(\S+)"


class Node(Program):
    name = "node"
    manifest = "package.json"
    client = r'"(etcd3)": "(\S+)"'

    def prepare(self):
        node = tool("node", "nodejs", (18, 0))
        npm = tool("npm", "npm")
        manifest = os.path.join(self.source, self.manifest)
        mark = os.path.join(self.build, self.manifest)
        if not os.path.exists(mark) or os.path.getmtime(mark) != os.path.getmtime(manifest):
            shutil.copy(manifest, mark)
            fetch([npm, "install", "--ignore-scripts", "--no-audit", "--no-fund",
                   "--no-package-lock"], cwd=self.build)
            copy_newer(manifest, mark)
        return [node, os.path.join(self.source, "program.js")]

    def environment(self):
        return {**os.environ, "NODE_PATH": os.path.join(self.build, "node_modules")}


class Rust(Program):
    name = "rust"
    manifest = "Cargo.toml"
    client = r'(etcd-client) = "=(\S+)"'

    def prepare(self):
        # Cargo writes its lock file beside the manifest, so it works on a copy.
        cargo = tool("cargo", "cargo-web, or rustup", (1, 80))
        tool("protoc", "protobuf-compiler")
        for name in (self.manifest, "src/main.rs", "src/watch.rs"):
            copy_newer(os.path.join(self.source, name), os.path.join(self.build, name))
        fetch([cargo, "fetch", "--quiet"], cwd=self.build)
        compile_([cargo, "build", "--quiet", "--offline", "-j", "2"], cwd=self.build)
        return [os.path.join(self.build, "target", "debug", "program")]


class Java(Program):
    name = "java"
    manifest = "pom.xml"
    client = r"<artifactId>(jetcd-core)</artifactId>\s*<version>([^<]+)<"

    def prepare(self):
        java = tool("java", "openjdk-17-jre-headless")
        javac = tool("javac", "openjdk-17-jdk-headless")
        maven = tool("mvn", "maven")
        path_file = os.path.join(self.build, "classpath")
        manifest = os.path.join(self.source, self.manifest)
        if (not os.path.exists(path_file) or
                os.path.getmtime(path_file) < os.path.getmtime(manifest)):
            fetch([maven, "--quiet", "--batch-mode", "-f", manifest, "dependency:build-classpath",
                   f"-Dmdep.outputFile={path_file}"])
        with open(path_file) as file:
            path = file.read().strip()
        sources = sorted(os.path.join(self.source, name) for name in os.listdir(self.source)
                         if name.endswith(".java"))
        classes = os.path.join(self.build, "classes")
        compile_([javac, "-d", classes, "-cp", path, *sources])
        return [java, "-cp", f"{classes}:{path}", "Program"]


class Patroni(Program):
    """Debian's Patroni with PostgreSQL, by our script."""
    name = "patroni"
    folder = "."
    scenarios = ("start", "switchover", "failover")
    limit = 480

    def title(self):
        return run([tool("patroni", "patroni"), "--version"]).stdout.strip()

    def prepare(self):
        tool("patroni", "patroni")
        tool("psql", "postgresql")
        return [sys.executable, os.path.join(HERE, "patroni_test.py")]


class Prometheus(Program):
    """Debian's Prometheus, by our script."""
    name = "prometheus"
    folder = "."
    scenarios = ("scrape", "queries", "alerts")

    def title(self):
        version = run([tool("prometheus", "prometheus"), "--version"]).stdout
        return "prometheus " + re.search(r"version (\d[\w.]*)", version).group(1)

    def prepare(self):
        tool("prometheus", "prometheus")
        return [sys.executable, os.path.join(HERE, "prometheus_test.py")]


class Kubernetes(Program):
    """The tests of Kubernetes' storage, with a kvd where they start etcd."""
    name = "kubernetes"
    manifest = "go.mod"
    client = r"k8s\.io/(apiserver) v(\S+)"
    scenarios = ("storage",)
    servers = ("kvd",)
    # It compiles an API server and takes minutes.
    only_by_name = True
    limit = 900
    package = "k8s.io/apiserver/pkg/storage/etcd3"

    def prepare(self):
        go = tool("go", "golang-go", (1, 26), "version")
        environment = {**os.environ, "GOMAXPROCS": "2", "GOFLAGS": "-mod=mod"}
        for name in ("go.mod", "go.sum", "deps.go"):
            shutil.copy(os.path.join(self.source, name), self.build)
        self.copy_module(go, environment)
        binary = os.path.join(self.build, "program")
        compile_([go, "test", "-p", "2", "-c", "-o", binary, self.package], cwd=self.build,
                 env=environment)
        return [sys.executable, os.path.join(HERE, "kubernetes_test.py"), binary]

    def copy_module(self, go, environment):
        """Modules are not to be written, so what starts the server is replaced in a copy."""
        module = "k8s.io/apiserver"
        fetch([go, "mod", "download", module], cwd=self.build, env=environment)
        source = run([go, "list", "-m", "-f", "{{.Dir}}", module], cwd=self.build,
                     env=environment).stdout.strip()
        copy = os.path.join(self.build, os.path.basename(source))
        if not os.path.exists(copy):
            shutil.copytree(source, copy, copy_function=shutil.copyfile)
        starter = os.path.join(copy, "pkg/storage/etcd3/testserver/test_server.go")
        copy_newer(os.path.join(self.source, "testserver/testserver.go"), starter)
        compile_([go, "mod", "edit", "-replace", f"{module}=./{os.path.basename(copy)}"],
                 cwd=self.build, env=environment)


PROGRAMS = (Go, GoMore, PythonEtcd3, PythonEtcd3gw, Node, Rust, Java, Restarts, Upgrade, Patroni,
            Prometheus, Kubernetes)
