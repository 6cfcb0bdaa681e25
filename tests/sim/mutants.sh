#!/usr/bin/env bash
# Shows that the simulator notices: runs each deliberate bug, seed by seed, until a rule breaks.
#   mutants.sh KEELSON_SIM [SEEDS]    KEELSON_SIM was built with -DKEELSON_MUTANTS=ON
# Only a broken rule counts, by its message: a violation that the simulator reports, or a check of
# the product. A crash, a check of the simulator's own code or a usage error is a failure of this
# script. Prints a table; exit 0 only if all of them are caught within SEEDS (1000) seeds.
set -uo pipefail
sim=$1
seeds=${2:-1000}
mutants=(NO_FSYNC ACK_BEFORE_QUORUM COMMIT_OLD_TERM STALE_READ_NONCE APPLIED_APART
  DROP_BEFORE_FLUSH WATCH_SKIPS_REVISION LEASE_ENDS_EARLY MARKER_BEFORE_FILES VOTE_FORGOTTEN
  TRUNCATE_TOO_FAR ACK_AFTER_FAILED_FSYNC AGE_SINCE_RECEIPT
  AGE_BEFORE_APPLIED AGE_WITHOUT_DRIFT MIN_REVISION_PASSED
  FLUSH_LOSES_BYTE UNKNOWN_DISK_COUNTS
  NAME_APPLIED_AGAIN NAME_FORGOTTEN NAMES_NOT_IN_SNAPSHOTS REFUSAL_FORGOTTEN ANSWER_CUT_SHORT)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# try MUTANT: writes its row of the table.
try() {
  local mutant=$1 log=$dir/$1.log begin=$SECONDS code=0 seed=- rule
  # One job runs the seeds in order and ends at the first that fails, naming it.
  KEELSON_MUTANT=$mutant "$sim" --seeds "$seeds" --jobs 1 >"$log" 2>&1 || code=$?
  rule=$(grep -m1 -E '^(violation at |[^ ]+:[0-9]+: check failed: )' "$log" |
    grep -v -E '^([^ ]*/)?tests/' | sed -E 's|^[^ ]*/(\w+/[^ /]+: check failed)|\1|')
  if [ "$code" -eq 1 ] && [ -n "$rule" ]; then
    seed=$(sed -n 's/^seed \([0-9]*\) failed;.*/\1/p' "$log" | head -1)
  else
    rule="NOT CAUGHT (exit code $code: $(tail -1 "$log"))"
  fi
  printf '%-24s %6s %8d  %.140s\n' "$mutant" "$seed" $((SECONDS - begin)) "$rule" >"$dir/$mutant.row"
}

running=0
for mutant in "${mutants[@]}"; do
  [ $((running++)) -lt "$(nproc)" ] || wait -n
  try "$mutant" &
done
wait
printf '%-24s %6s %8s  %s\n' mutant seed seconds 'caught by'
for mutant in "${mutants[@]}"; do cat "$dir/$mutant.row"; done
if grep -q 'NOT CAUGHT' "$dir"/*.row; then exit 1; fi
