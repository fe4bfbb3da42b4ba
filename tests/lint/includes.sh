#!/usr/bin/env bash
# Includes run one way (docs/architecture.md):
#   protocol → nothing of ours; pkcs11 → protocol's byte helpers; client → protocol;
#   agent → protocol and the token host's client and frames.
set -euo pipefail

# allowed FOLDER: an extended regular expression for what files in it may include of ours.
allowed() {
  case $1 in
    protocol) echo 'protocol/' ;;
    pkcs11) echo 'pkcs11/|protocol/(bytes|secret|result)\.h' ;;
    client) echo 'client/|protocol/' ;;
    agent) echo 'agent/|protocol/|pkcs11/(host_|frame)[a-z_]*\.h' ;;
  esac
}

status=0
for folder in protocol pkcs11 client agent; do
  found=$(git grep -nE '^ *# *include +"(protocol|pkcs11|client|agent|tests)/' -- "$folder/*.h" "$folder/*.cpp" |
    grep -vE "\"($(allowed "$folder"))" || true)
  if [[ -n $found ]]; then
    printf '%s/ includes what it must not:\n%s\n' "$folder" "$found"
    status=1
  fi
done
exit "$status"
