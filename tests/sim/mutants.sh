#!/usr/bin/env bash
# Shows that the simulator notices: runs each deliberate bug until a seed catches it.
#   mutants.sh KEELSON_SIM [SEEDS]    KEELSON_SIM was built with -DKEELSON_MUTANTS=ON
# A bug is caught by a seed that ends with a broken rule. Exit 1 if one survives SEEDS (1000).
set -uo pipefail
sim=$1
seeds=${2:-1000}
mutants=(NO_FSYNC ACK_BEFORE_QUORUM COMMIT_OLD_TERM STALE_READ_NONCE APPLIED_APART
  DROP_BEFORE_FLUSH WATCH_SKIPS_REVISION LEASE_ENDS_EARLY MARKER_BEFORE_FILES VOTE_FORGOTTEN
  TRUNCATE_TOO_FAR ACK_AFTER_FAILED_FSYNC)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
survived=0
printf '%-24s %6s %8s  %s\n' mutant seed seconds 'what was seen'
for mutant in "${mutants[@]}"; do
  begin=$(date +%s)
  # One job runs the seeds in order and ends at the first that fails, naming it.
  if KEELSON_MUTANT=$mutant "$sim" --seeds "$seeds" --jobs 1 >"$log" 2>&1; then
    printf '%-24s %6s %8d  %s\n' "$mutant" - $(($(date +%s) - begin)) 'NOT CAUGHT'
    survived=1
    continue
  fi
  seed=$(sed -n 's/^seed \([0-9]*\) failed;.*/\1/p' "$log" | head -1)
  what=$(grep -m1 -v -e '^seed ' -e '^ *[0-9]* ' -e '^FAILED' "$log")
  printf '%-24s %6s %8d  %.120s\n' "$mutant" "${seed:-?}" $(($(date +%s) - begin)) "$what"
done
exit $survived
