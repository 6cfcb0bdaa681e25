#!/usr/bin/env bash
# Runs one fuzz target: run.sh TARGET SECONDS. It starts from tests/fuzz/corpus/NAME, which also
# holds each input that once failed, and keeps what it learns in build/fuzz.
set -euo pipefail
target=$1 seconds=$2
name=$(basename "$target")
learned=build/fuzz/$name log=build/fuzz/$name.log
mkdir -p "$learned"
seeds=()
[ ! -d "tests/fuzz/corpus/$name" ] || seeds=("tests/fuzz/corpus/$name")
if "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
  -artifact_prefix="build/fuzz/$name-" "$learned" "${seeds[@]}" >"$log" 2>&1; then
  printf '%-20s %9d inputs tried, %5d kept\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(find "$learned" -type f | wc -l)"
else
  tail -40 "$log"
  echo "$name FAILED; whole log: $log; run it again on its input: $target build/fuzz/$name-..."
  exit 1
fi
