#!/usr/bin/env bash
# venv.sh DIR: makes DIR a virtual environment with what requirements.txt pins. Does nothing, and asks no network,
# when DIR is that already.
set -euo pipefail
directory=$1
requirements=$(dirname "$(readlink -f "$0")")/requirements.txt

if cmp -s "$requirements" "$directory/requirements.txt"; then
  exit 0
fi
rm -rf "$directory"
# Debian's own Python: the first python3 in PATH may be somebody's shim, without the venv module.
/usr/bin/python3 -m venv "$directory"
# A registry that does not answer at once is asked again; a test that follows would only fail less clearly.
for _ in 1 2 3; do
  if "$directory/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$requirements"; then
    cp "$requirements" "$directory/requirements.txt"
    exit 0
  fi
  sleep 2
done
echo "PyPI did not give what $requirements pins. The tests that compare with python-tuf need it." >&2
exit 1
