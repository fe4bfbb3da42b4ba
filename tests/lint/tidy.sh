#!/usr/bin/env bash
# tidy.sh BUILD JOBS LOG: clang-tidy (the checks of .clang-tidy) on every translation unit that BUILD compiles.
set -euo pipefail
build=$1 jobs=$2 log=$3

# run-clang-tidy prints each command and counts suppressed warnings: only findings are for people, the rest for the log.
if run-clang-tidy-16 -quiet -p "$build" -j "$jobs" -clang-tidy-binary clang-tidy-16 "^$PWD/(agent|pkcs11|protocol|client|tests)/" \
  >"$log" 2>&1; then
  exit 0
fi
grep -vE '^(clang-tidy-16 |[0-9]+ warnings? (generated|treated)|Suppressed |Use -header-filter)' "$log" | head -n 120
echo "The whole log is $log."
exit 1
