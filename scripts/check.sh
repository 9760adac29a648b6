#!/usr/bin/env bash
# Every check that is not a test. Runs them all, then says which failed.
set -uo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
failed=()
check() {
  local name=$1; shift
  printf '\033[1m%s\033[0m\n' "$name"
  "$@" || failed+=("$name")
}

synth_every_stage() {
  local stage status=0
  for stage in local dev staging prod; do
    $bin/python -m cdk_app -c "stage=$stage" || status=1
  done
  return $status
}
# W3005: the CDK writes dependencies out that a reference implies already.
templates() { $bin/cfn-lint --ignore-checks W3005 -- cdk.out/{local,dev,staging,prod}/*.template.json; }

check 'format' $bin/ruff format --check
check 'lint' $bin/ruff check
check 'types' $bin/mypy
check 'synth with cdk-nag' synth_every_stage
check 'templates (cfn-lint)' templates
check 'state machines (statelint)' $bin/python scripts/lint_state_machines.py cdk.out
check 'images (hadolint)' bash -c "git ls-files '*Dockerfile' | xargs -r $bin/hadolint"
check 'workflows (zizmor)' $bin/zizmor --offline --quiet --strict-collection .github
check 'hooks and scripts' bash -c "git ls-files '*.sh' .ci/run | xargs -rn1 bash -n"

if [ ${#failed[@]} -gt 0 ]; then printf 'failed: %s\n' "${failed[@]}" >&2; exit 1; fi
echo 'every check passed'
