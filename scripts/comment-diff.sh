#!/usr/bin/env bash
# comment-diff.sh STAGE PULL_REQUEST: says in a comment what deploying this checkout would change in a stage. A later
# run for the same stage and pull request rewrites the comment. Needs GitHub's gh, signed in.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'comment-diff: %s\n' "$*" >&2; exit 1; }
[ $# -eq 2 ] || fail 'give a stage and the number of a pull request: make comment-diff STAGE=dev PULL_REQUEST=12'
command -v gh >/dev/null || fail 'gh, the command line of GitHub, is not installed'

stage=$1 pull_request=$2
limit=60000 # GitHub takes 65,536 characters
marker="<!-- cdk diff of $stage -->"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make --no-print-directory diff STAGE="$stage" NO_COLOR=1 >"$work/diff" 2>&1 || {
  cat "$work/diff" >&2
  fail "cdk diff of $stage failed; see above"
}
{
  printf '%s\n<details><summary>What deploying this would change in <b>%s</b></summary>\n\n````text\n' "$marker" "$stage"
  head -c "$limit" "$work/diff"
  [ "$(wc -c <"$work/diff")" -le "$limit" ] || printf '\n... and more: make diff STAGE=%s\n' "$stage"
  printf '\n````\n</details>\n'
} >"$work/body"

comments="repos/{owner}/{repo}/issues/$pull_request/comments"
earlier=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .id" | head -n 1)
if [ -n "$earlier" ]; then
  gh api --silent --method PATCH "repos/{owner}/{repo}/issues/comments/$earlier" --field "body=@$work/body"
else
  gh api --silent --method POST "$comments" --field "body=@$work/body"
fi
