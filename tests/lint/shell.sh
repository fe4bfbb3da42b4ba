#!/usr/bin/env bash
# Every tracked file that begins as a shell script does passes shellcheck.
set -euo pipefail
git ls-files -z | xargs -0 -r grep -lIZzP '\A#!(/usr)?/bin/(env )?(ba|da)?sh\b' | xargs -0 -r shellcheck -x
