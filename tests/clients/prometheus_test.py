"""Debian's Prometheus scrapes the members; what etcd's dashboard and alerts ask for is there. The
runner gives the endpoints; README.md has the protocol."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import ask, expect, free_ports, run_scenarios, until

ENDPOINTS = sys.argv[1].split(",")
RANGE = "10s"
FAILED = "Unknown|FailedPrecondition|ResourceExhausted|Internal|Unavailable|DataLoss|DeadlineExceeded"


def quantile(histogram):
    return f"histogram_quantile(0.99, sum by (instance, le) (rate({histogram}_bucket[{RANGE}])))"


def rate(counter, by="instance"):
    return f"sum by ({by}) (rate({counter}[{RANGE}]))"


def streams(service):
    labels = f'{{grpc_service="etcdserverpb.{service}",grpc_type="bidi_stream"}}'
    return (f"sum by (instance) (grpc_server_started_total{labels})"
            f" - sum by (instance) (grpc_server_handled_total{labels})")


# Name -> (what is looked at, when it is an alert).
ALERTS = {
    "MembersDown": ("count by (job) (up == 0) or 0 * count by (job) (up)", "> 0"),
    "InsufficientMembers": ("sum by (job) (up) - (count by (job) (up) + 1) / 2", "< 0"),
    "NoLeader": ("etcd_server_has_leader", "== 0"),
    "ManyLeaderChanges": (f"increase(etcd_server_leader_changes_seen_total[{RANGE}])", ">= 4"),
    "FailedCalls": (f'100 * {rate(f"""grpc_server_handled_total{{grpc_code=~"{FAILED}"}}""")}'
                    f' / {rate("grpc_server_handled_total")}', "> 5"),
    "SlowPeers": (quantile("etcd_network_peer_round_trip_time_seconds"), "> 0.15"),
    "FailedProposals": (rate("etcd_server_proposals_failed_total"), "> 5"),
    "SlowLogSyncs": (quantile("etcd_disk_wal_fsync_duration_seconds"), "> 1"),
    "SlowCommits": (quantile("etcd_disk_backend_commit_duration_seconds"), "> 1"),
    "LittleQuotaLeft": ("100 * etcd_mvcc_db_total_size_in_bytes / etcd_server_quota_backend_bytes",
                        "> 95"),
    "FastGrowth": (f"predict_linear(etcd_mvcc_db_total_size_in_bytes[{RANGE}], 4 * 3600)"
                   " - etcd_server_quota_backend_bytes", "> 0"),
    "MuchFragmentation": ("etcd_mvcc_db_total_size_in_use_in_bytes"
                          " / etcd_mvcc_db_total_size_in_bytes", "< 0.1"),
}

# What a dashboard draws, each by member.
PANELS = {
    "has a leader": "etcd_server_has_leader",
    "call rate": rate('grpc_server_started_total{grpc_type="unary"}'),
    "failed call rate": rate('grpc_server_handled_total{grpc_type="unary",grpc_code!="OK"}'),
    "watch streams": streams("Watch"),
    "lease streams": streams("Lease"),
    "size": "etcd_mvcc_db_total_size_in_bytes",
    "log syncs": quantile("etcd_disk_wal_fsync_duration_seconds"),
    "store commits": quantile("etcd_disk_backend_commit_duration_seconds"),
    "memory": "process_resident_memory_bytes",
    "client traffic in": rate("etcd_network_client_grpc_received_bytes_total"),
    "client traffic out": rate("etcd_network_client_grpc_sent_bytes_total"),
    "peer traffic in": rate("etcd_network_peer_received_bytes_total", "instance, From"),
    "peer traffic out": rate("etcd_network_peer_sent_bytes_total", "instance, To"),
    "peer round trips": quantile("etcd_network_peer_round_trip_time_seconds"),
    "proposals committed": rate("etcd_server_proposals_committed_total"),
    "proposals applied": rate("etcd_server_proposals_applied_total"),
    "proposals pending": "etcd_server_proposals_pending",
    "proposals failed": rate("etcd_server_proposals_failed_total"),
    "leader changes": "changes(etcd_server_leader_changes_seen_total[1d])",
    "version": "etcd_server_version",
    "cluster version": "etcd_cluster_version",
}


class Prometheus:
    def __init__(self, directory):
        self.directory = directory
        self.port, = free_ports(1)
        self.write("rules.yml", {"groups": [{"name": "alerts", "rules": [
            {"alert": name, "expr": f"({what}) {when}"}
            for name, (what, when) in ALERTS.items()]}]})
        self.write("prometheus.yml", {
            "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "etcd", "scrape_timeout": "500ms",
                                "static_configs": [{"targets": ENDPOINTS}]}],
        })
        with open(os.path.join(directory, "log"), "w") as log:
            self.process = subprocess.Popen(
                ["prometheus", "--config.file", os.path.join(directory, "prometheus.yml"),
                 "--storage.tsdb.path", os.path.join(directory, "data"),
                 "--web.listen-address", f"127.0.0.1:{self.port}"], stdout=log, stderr=log)

    def write(self, name, content):
        with open(os.path.join(self.directory, name), "w") as file:
            json.dump(content, file)  # JSON is YAML

    def get(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from error
        except OSError:
            return {}

    def query(self, expression):
        """Series: (labels, value)."""
        return [(each["metric"], float(each["value"][1]))
                for each in self.get("query", query=expression).get("result", [])]

    def firing(self):
        return {alert["labels"]["alertname"] for alert in self.get("alerts").get("alerts", [])
                if alert["state"] == "firing"}

    def stop(self):
        self.process.terminate()
        self.process.wait()


def scrape(prometheus):
    def targets_up():
        targets = prometheus.get("targets").get("activeTargets", [])
        return len(targets) == 3 and all(each["health"] == "up" for each in targets) and targets

    targets = until("all members are scraped", 30, targets_up)
    expect("without complaint", not any(each["lastError"] for each in targets), targets)
    for endpoint in ENDPOINTS:
        with urllib.request.urlopen(f"http://{endpoint}/metrics", timeout=10) as answer:
            page = answer.read()
        checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True)
        # 3 is the linter's opinion on names, which are etcd's.
        expect("promtool can read it", checked.returncode in (0, 3), checked.stderr)


def queries(prometheus):
    """Each finds all members, once there are samples enough for rates."""
    wanted = {**PANELS, **{name: what for name, (what, _) in ALERTS.items()}}
    missing = dict(wanted)
    deadline = time.monotonic() + 30
    while missing and time.monotonic() < deadline:
        for name, expression in list(missing.items()):
            found = {labels.get("instance", labels.get("job"))
                     for labels, _ in prometheus.query(expression)}
            if len(found) == 3 or found == {"etcd"}:
                del missing[name]
        time.sleep(0.2)
    expect("every query finds its series", not missing, sorted(missing))
    return f"{len(wanted)} queries"


def alerts(prometheus):
    """None but that of a member that is down, and only while it is."""
    until("all is well", 30, lambda: not prometheus.firing())
    (leader, _), = prometheus.query("etcd_server_is_leader == 1")
    ask("kill", leader["instance"])
    until("a member is down", 30, lambda: "MembersDown" in prometheus.firing())

    def next_leads():
        found = prometheus.query("etcd_server_is_leader == 1")
        return len(found) == 1 and found[0][0]["instance"] != leader["instance"]

    until("the next one leads", 30, next_leads)
    expect("enough are left", "InsufficientMembers" not in prometheus.firing())

    def all_saw_a_change():
        # Each member's page is read in its own time.
        changes = prometheus.query("etcd_server_leader_changes_seen_total")
        return len(changes) == 2 and min(value for _, value in changes) >= 2

    until("those left saw a change", 30, all_saw_a_change)
    ask("start", leader["instance"])
    until("all is well again", 60, lambda: not prometheus.firing())


def main():
    directory = tempfile.mkdtemp(prefix="keelson-prometheus-")
    prometheus = Prometheus(directory)
    try:
        run_scenarios([("scrape", lambda: scrape(prometheus)),
                       ("queries", lambda: queries(prometheus)),
                       ("alerts", lambda: alerts(prometheus))])
    finally:
        prometheus.stop()
        with open(os.path.join(directory, "log")) as log:
            print(log.read()[-10000:], file=sys.stderr)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
