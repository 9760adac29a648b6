#!/usr/bin/env bash
# Compiles each NAME.in into NAME.txt: every version pinned, every file's hash recorded, no index named.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files '*.in' | while read -r source; do
  printf '%s\n' "$source" >&2
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command 'make requirements' "$source" --output-file "${source%.in}.txt"
done
