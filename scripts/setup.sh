#!/usr/bin/env bash
# Builds everything the other targets need inside the checkout: two Python environments and the CDK CLI.
# Each part is skipped while the file that pins it has not changed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[2m%s\033[0m\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "$python is not installed; Python 3.11 or newer is needed (or set PYTHON=)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version) is too old; Python 3.11 or newer is needed (set PYTHON=python3.12, for example)"
command -v node >/dev/null || fail "node is not installed; Node 20 or newer is needed by the CDK"
[ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] || fail "node $(node --version) is too old; Node 20 or newer is needed"
command -v npm >/dev/null || fail "npm is not installed; it comes with Node"

# environment FOLDER LOCK: a virtual environment that holds exactly what LOCK pins, no more and no less.
environment() {
  local folder=$1 lock=$2 mark="$1/.installed-from"
  if [ -f "$mark" ] && cmp -s "$lock" "$mark"; then return; fi
  say "installing $lock into $folder"
  [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
  local uv; uv=$(grep -oE '^uv==[^ ]+' requirements.txt)
  # uv installs in seconds what pip does in minutes. It trusts the system's certificates, as pip's users behind a proxy
  # are used to, but does not read pip's settings: where a mirror is configured for pip alone, pip does the work. The
  # lock is complete, so there is nothing for pip to resolve.
  if "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$uv" &&
    "$folder/bin/python" -m uv pip sync --quiet --system-certs --python "$folder/bin/python" "$lock"; then :; else
    say "uv could not do it; installing with pip, which takes a few minutes without a word"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock"
  fi
  cp "$lock" "$mark"
}

environment .venv requirements.txt
environment .local/ministack requirements/ministack.txt

if ! cmp -s package-lock.json node_modules/.installed-from 2>/dev/null; then
  say "installing the CDK command line tool into node_modules"
  npm ci --silent --no-audit --no-fund
  cp package-lock.json node_modules/.installed-from
fi
