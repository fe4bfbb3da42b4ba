#!/usr/bin/env bash
# Every C++ file is as clang-format 16 and .clang-format would write it. To mend: clang-format-16 -i FILE.
set -euo pipefail
git ls-files -z '*.cpp' '*.h' | xargs -0 -r clang-format-16 --dry-run -Werror
