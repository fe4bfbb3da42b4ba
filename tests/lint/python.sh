#!/usr/bin/env bash
# Unused and undefined names in the Python that tests and the demo run.
set -euo pipefail
git ls-files -z '*.py' | xargs -0 -r pyflakes3
