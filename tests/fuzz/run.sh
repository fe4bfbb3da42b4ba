#!/usr/bin/env bash
# run.sh BUILD SECONDS JOBS LOGS: runs every fuzz target that BUILD has for SECONDS, JOBS at a time. What a target finds
# new goes to BUILD/corpus/NAME; it begins with that and with the seeds in corpus/NAME beside this script.
set -euo pipefail
build=$1 seconds=$2 jobs=$3 logs=$4
here=$(dirname "$(readlink -f "$0")")
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=1

mapfile -t targets < <(find "$build/fuzz" -maxdepth 1 -type f -executable | sort)
((${#targets[@]})) || { echo "There is no fuzz target in $build/fuzz." >&2; exit 1; }
mkdir -p "$logs"

# one TARGET: exits as the target does; the reproducer of a finding lies in $logs.
one() {
  local name status=0 folders
  name=$(basename "$1")
  name=${name#fuzz_}
  mkdir -p "$build/corpus/$name"
  folders=("$build/corpus/$name")
  [[ ! -d $here/corpus/$name ]] || folders+=("$here/corpus/$name")
  "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="$logs/$name-" \
    "${folders[@]}" >"$logs/fuzz-$name.log" 2>&1 || status=$?
  if ((status == 0)); then
    printf '  %s: no finding in %s executions\n' "$name" "$(awk '/stat::number_of_executed_units/ {print $2}' "$logs/fuzz-$name.log")"
  else
    printf '  %s: a FINDING; its input is beside the log %s\n' "$name" "$logs/fuzz-$name.log"
    grep -m3 -E 'ERROR|SUMMARY|runtime error' "$logs/fuzz-$name.log" | sed 's/^/    /' || true
  fi
  return "$status"
}

printf 'Fuzzing %d targets for %s s each\n' "${#targets[@]}" "$seconds"
failed=0 running=0
for target in "${targets[@]}"; do
  if ((running >= jobs)); then
    wait -n || failed=1
    running=$((running - 1))
  fi
  one "$target" &
  running=$((running + 1))
done
while ((running > 0)); do
  wait -n || failed=1
  running=$((running - 1))
done
((failed == 0)) || exit 1
echo "No target found anything."
