#!/usr/bin/env bash
# Nothing here may lean on a folder beside the clone, or on one machine's folders: users have neither.
set -euo pipefail
if git grep -nE '\.\./shar[e]d|/work/(shar[e]d|mai[n]|brie[f])' -- .; then
  echo 'These lines name paths that exist on one machine only.'
  exit 1
fi
