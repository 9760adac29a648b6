#!/usr/bin/env bash
# Looks up every pinned dependency, of all environments and images, among the known vulnerabilities. Looks at all of
# them, then says which failed. pip-audit runs in an environment of its own: it is no part of anything here.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
# Strict: what cannot be looked up is not taken for harmless.
audit=(.venv/bin/uv tool run --quiet --from 'pip-audit==2.10.1' pip-audit
  --strict --disable-pip --require-hashes --progress-spinner off)
failed=()
while read -r pinned; do
  printf '%s\n' "$pinned" >&2
  "${audit[@]}" --requirement "$pinned" || failed+=("$pinned")
done < <(git ls-files '*requirements*.txt' 'requirements/*.txt' | sort -u)
printf 'package-lock.json\n' >&2
npm audit --audit-level=high || failed+=(package-lock.json)

if [ ${#failed[@]} -gt 0 ]; then printf 'to look at: %s\n' "${failed[*]}" >&2; exit 1; fi
