"""Medians, ratios, tables and verdicts from what the rounds have measured."""

import operator
import statistics

# Metrics of which more is better; of all others less is.
MORE_IS_BETTER = {"ops_per_s"}


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def medians(rounds):
    """Median of each number over the rounds that have it; rounds that failed are left out."""
    collected = {}
    for metrics in rounds:
        for name, value in metrics.items():
            if is_number(value):
                collected.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in collected.items()}


def spread(rounds, name):
    """(max - min) / median of a metric, or None."""
    values = [m[name] for m in rounds if is_number(m.get(name))]
    middle = statistics.median(values) if values else 0
    return (max(values) - min(values)) / middle if middle else None


def summarize(results):
    """cell -> {"subject": medians, "baseline": medians, "ratio": ...} from cell -> side -> rounds."""
    summary = {}
    for cell, sides in results.items():
        entry = {side: medians(sides.get(side, [])) for side in ("baseline", "subject")}
        subject, baseline = entry["subject"], entry["baseline"]
        entry["ratio"] = {
            name: subject[name] / baseline[name]
            for name in subject if baseline.get(name) and name in baseline}
        entry["spread"] = {
            side: spread(rounds, "ops_per_s") for side, rounds in sides.items()}
        summary[cell] = entry
    return summary


COMPARE = {">=": operator.ge, "<=": operator.le, "<": operator.lt}

# What the subject has to reach: cell, metric, of the ratio or of its own value, rule, bound, words.
TARGETS = (
    ("put/10x100", "ops_per_s", "ratio", ">=", 2.5, "put 10x100"),
    ("put/1x1", "ops_per_s", "ratio", ">=", 2.0, "put 1x1"),
    ("get/10x100", "ops_per_s", "ratio", ">=", 3.0, "linearizable get 10x100"),
    ("watch/max", "ops_per_s", "ratio", ">=", 1.5, "watch fan-out, events/s"),
    ("big/memory-ranged", "rss_mb", "ratio", "<=", 0.5, "memory after a full range"),
    ("big/restart", "restart_s", "value", "<=", 1.0, "restart to first serializable read, s"),
    ("failover/gap", "worst_gap_ms", "value", "<=", 400, "longest write gap after kill -9, ms"),
    ("big/puts+range", "p99_moved_ms", "value", "<", 50, "put p99 moved by a full range, ms"),
    ("big/puts+compaction", "p99_moved_ms", "value", "<", 50, "put p99 moved by compaction, ms"),
    ("big/puts+snapshot", "p99_moved_ms", "value", "<", 50, "put p99 moved by a snapshot, ms"),
)


def verdicts(summary):
    """One dict per target whose cell has run."""
    found = []
    for cell, metric, of, rule, bound, words in TARGETS:
        entry = summary.get(cell)
        if entry is None:
            continue
        value = entry["ratio" if of == "ratio" else "subject"].get(metric)
        met = None if value is None else COMPARE[rule](value, bound)
        found.append({"what": words, "of": of, "rule": rule, "bound": bound, "value": value,
                      "met": met})
    return found


def number(value, digits=3):
    """Three significant digits, thousands without an exponent."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def table(header, rows):
    """Columns aligned; the first to the left."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]
    lines = []
    for row in [header] + rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


METRICS = (
    ("ops_per_s", "per s"),
    ("p50_ms", "p50 ms"),
    ("p99_ms", "p99 ms"),
    ("cpu_us_per_op", "CPU us/op"),
)
OTHER_METRICS = (
    "rss_mb", "pss_mb", "peak_mb", "syncs_per_op", "device_flushes_per_op", "restart_s",
    "worst_restart_s", "gap_ms", "worst_gap_ms", "p99_moved_ms", "max_ms", "disturbances",
    "disturbance_ms", "catch_up_s", "snapshots_sent", "seconds",
)


def _sides(entry, metric):
    return entry.get("baseline", {}).get(metric), entry.get("subject", {}).get(metric)


def render(document):
    """The whole report as text."""
    names = document["systems"]
    summary = document["summary"]
    baseline, subject = names["baseline"]["name"], names["subject"]["name"]
    header, rows = ["cell"], []
    for _, words in METRICS:
        header += [f"{baseline} {words}", f"{subject}", "ratio"]
    for cell, entry in summary.items():
        if not any("ops_per_s" in entry.get(side, {}) for side in ("subject", "baseline")):
            continue
        row = [cell]
        for metric, _ in METRICS:
            old, new = _sides(entry, metric)
            row += [number(old), number(new), number(entry["ratio"].get(metric))]
        rows.append(row)
    parts = [table(header, rows)] if rows else []
    parts.append(_render_others(summary, baseline, subject))
    parts.append(_render_verdicts(document["targets"]))
    parts.append(_render_device(document["device"]))
    parts.append("\n".join(f"! {problem}" for problem in document["problems"]))
    return "\n\n".join(part for part in parts if part)


def _render_others(summary, baseline, subject):
    rows = []
    for cell, entry in summary.items():
        throughput = cell.split("/")[0] in ("put", "get", "sget", "txn")
        for metric in ("rss_mb",) if throughput else OTHER_METRICS:
            old, new = _sides(entry, metric)
            if old is not None or new is not None:
                rows.append([cell, metric, number(old), number(new),
                             number(entry["ratio"].get(metric))])
    return table(["cell", "metric", baseline, subject, "ratio"], rows) if rows else ""


def _render_verdicts(targets):
    rows = [[t["what"], f"{t['of']} {t['rule']} {t['bound']}", number(t["value"]),
             {True: "met", False: "MISSED", None: "not measured"}[t["met"]]] for t in targets]
    return table(["target", "asked", "found", ""], rows) if rows else ""


def _render_device(device):
    return ("device {name}: fdatasync of 4 KiB p50/p99: overwrite of a zeroed file "
            "{overwrite_p50_us:.0f}/{overwrite_p99_us:.0f} us, growing file "
            "{growing_p50_us:.0f}/{growing_p99_us:.0f} us").format(**device)
