#!/usr/bin/env bash
# Lints, annotates, writes the job's summary and the outputs. Ends with 0 unless it was called
# wrongly; mbopt's own exit code is the output `exit-code`.
# Runs on macOS's bash 3.2, too: no mapfile, and empty arrays need care under `set -u`.
set -euo pipefail

fail() {
  printf '::error title=mbopt::%s\n' "${1//%/%25}"
  exit 2
}

output() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

paths=()
while IFS= read -r line; do
  line=${line%$'\r'}
  [ -z "$line" ] || paths+=("$line")
done <<<"${INPUT_PATHS:-.}"
[ "${#paths[@]}" -gt 0 ] || paths=(.)

options=()
if [ -n "${INPUT_CONFIG:-}" ]; then options+=(--config "$INPUT_CONFIG"); fi
if [ -n "${INPUT_FAIL_ON:-}" ]; then options+=(--fail-on "$INPUT_FAIL_ON"); fi
# Split at blanks, and at nothing else: no globs, no quotes, no expansion.
while IFS=$' \t\r' read -r -a words; do
  [ "${#words[@]}" -eq 0 ] || options+=("${words[@]}")
done <<<"${INPUT_ARGS:-}"

fixing=()
case ${INPUT_FIX:-false} in
  false | "") ;;
  true) fixing=(--fix) ;;
  unsafe) fixing=(--fix --unsafe-fixes) ;;
  *) fail "the input fix must be false, true or unsafe" ;;
esac
format=${INPUT_FORMAT:-github}
case $format in
  github | text | concise) ;;
  *) fail "the input format must be github, text or concise" ;;
esac
case ${INPUT_VERIFY:-false} in
  false | true | "") ;;
  *) fail "the input verify must be false or true" ;;
esac

lint() { # lint ARGUMENT...
  "$MBOPT" lint ${options[@]+"${options[@]}"} "$@" -- "${paths[@]}"
}

# What is printed here quotes files, which must not speak to the runner.
token=mbopt-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
quoted() {
  printf '::stop-commands::%s\n' "$token"
  "$@" || true
  printf '::%s::\n' "$token"
}

summary=${GITHUB_STEP_SUMMARY:-/dev/null}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "${#fixing[@]}" -gt 0 ]; then
  quoted lint "${fixing[@]}" --format concise --exit-zero
fi

code=0
if [ "$format" = github ]; then
  lint --format github || code=$?
else
  printf '::stop-commands::%s\n' "$token"
  lint --format "$format" || code=$?
  printf '::%s::\n' "$token"
fi

sarif=${RUNNER_TEMP:-$work}/mbopt.sarif
lint -q --exit-zero --format sarif --output "$sarif" >/dev/null 2>&1 || true
findings=$(lint -q --exit-zero --format concise 2>/dev/null | grep -c . || true)

# A step's summary may have 1 MiB; then GitHub shows none of it.
{
  printf '## mbopt\n\n'
  lint --exit-zero --format markdown 2>/dev/null || true
} >"$work/summary.md"
if [ "$(wc -c <"$work/summary.md")" -gt 900000 ]; then
  {
    printf '## mbopt\n\n```text\n'
    lint --exit-zero --statistics 2>/dev/null || true
    printf '```\n'
  } >"$work/summary.md"
fi
cat "$work/summary.md" >>"$summary"

if [ "${INPUT_VERIFY:-false}" = true ]; then
  "$MBOPT" verify --help >/dev/null 2>&1 || fail "this mbopt has no command verify"
  command -v jq >/dev/null || fail "the input verify needs jq on the runner"
  before=0 after=0
  printf '\n| Dockerfile | Verdict | Before | After |\n| --- | --- | ---: | ---: |\n' >>"$summary"
  lint -q --exit-zero --format json 2>/dev/null | jq -r '.files[].path' >"$work/files"
  while IFS= read -r file; do
    # Its exit code is its verdict, and that stands in its report.
    rm -f "$work/verdict.json"
    quoted "$MBOPT" verify --format json --output "$work/verdict.json" -- "$file" </dev/null
    [ -s "$work/verdict.json" ] || fail "mbopt verify gave no report"
    IFS=$'\t' read -r verdict old new < <(jq -r '[.verdict, .before.unpacked_bytes // 0, .after.unpacked_bytes // 0] | @tsv' "$work/verdict.json")
    before=$((before + old)) after=$((after + new))
    printf '| %s | %s | %s | %s |\n' "${file//|/\\|}" "$verdict" "$old" "$new" >>"$summary"
    [ "$verdict" != broken ] || [ "$code" -ne 0 ] || code=5
  done <"$work/files"
  output size-before "$before"
  output size-after "$after"
fi

output findings "$findings"
output sarif-file "$sarif"
output exit-code "$code"
