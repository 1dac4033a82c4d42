#!/usr/bin/env bash
# What `mbopt verify` costs next to the build of the original alone, cold, with the same engine: both
# runs are interleaved, and ratios are printed.
#
#   benches/verify.sh [APPLICATION...]      folders with app/Dockerfile and about.yaml, as under fixtures/apps
#
# Environment: MBOPT (default target/release/mbopt), RUNS (default 3), ENGINE (default docker), CONFIG (a
# mbopt.yaml that says how the bundled engine reaches registries), MOST (the ratio that must hold: 2.3),
# REBUILD=1 (times the tester stage and a rebuild, too; with PRUNE=1 after a build from nothing, which
# tells how long the original's rebuild takes, else both are built again).
#
# Cold: no instruction is taken from the cache (--no-cache), so that the rewrite shares with the original
# only what both build at the same time. PRUNE=1 empties the Engine's build cache before each run instead,
# which is what a first verification meets: the beginning that both have in common is built once. Base
# images are there, as they are for the build alone. Compressed sizes of base images are known after the
# first run, as they are to whoever verifies a second time; FRESH=1 forgets them before each run.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
mbopt=$(realpath "${MBOPT:-target/release/mbopt}") || exit 2
runs=${RUNS:-3} engine=${ENGINE:-docker}
flags=(--engine "$engine" --network host)
[ -n "${PRUNE:-}" ] || flags+=(--no-cache)
cold() { [ -z "${PRUNE:-}" ] || "${MBOPT_DOCKER:-docker}" builder prune --all --force >/dev/null || exit 2; }
config=()
[ -z "${CONFIG:-}" ] || config=(--config "$CONFIG")
[ $# -gt 0 ] || set -- fixtures/apps/ts-server fixtures/apps/go-data fixtures/apps/python-django
work=$(mktemp -d "${TMPDIR:-/var/tmp}/mbopt-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
now() { date +%s.%N; }
calc() { awk "BEGIN { printf \"%.2f\", $1 }"; }
# The value in the middle of the lines of a file.
middle() { sort -n "$1" | sed -n "$((($(wc -l <"$1") + 1) / 2))p"; }
about() { sed -n "s/^$2: *//p" "$1/about.yaml" | tr -d '[],'; }

worst=0
printf '%-20s %9s %9s %7s   %s\n' application build verify ratio "(medians of $runs, seconds)"
for app in "$@"; do
  name=$(basename "$app") port=$(about "$app" port) probes=()
  for probe in $(about "$app" probes); do probes+=(--probe "http:$port$probe"); done
  extra=(--skip-tests)
  for run in $(seq "$runs"); do
    cold
    begun=$(now)
    "$mbopt" build "${flags[@]}" "${config[@]}" --quiet "$app/app" >/dev/null 2>"$work/err" || { echo "$name: the build fails: $(tail -n 2 "$work/err")"; exit 1; }
    calc "$(now) - $begun" >>"$work/$name.build"; echo >>"$work/$name.build"
    [ -z "${FRESH:-}" ] || rm -rf "${XDG_CACHE_HOME:-$HOME/.cache}/mbopt/compressed"
    cold
    begun=$(now)
    "$mbopt" verify "${flags[@]}" "${config[@]}" "${extra[@]}" "${probes[@]}" --quiet --format json "$app/app/Dockerfile" >"$work/$name.json" 2>"$work/err"
    calc "$(now) - $begun" >>"$work/$name.verify"; echo >>"$work/$name.verify"
    verdict=$(jq -r .verdict "$work/$name.json")
    [ "$verdict" = smaller ] || { echo "$name: $verdict, $(jq -r .reason "$work/$name.json") $(tail -n 2 "$work/err")"; exit 1; }
  done
  build=$(middle "$work/$name.build") verify=$(middle "$work/$name.verify")
  ratio=$(calc "$verify / $build")
  note=$(jq -r '"builds \(.timing.build_before / 100 | round / 10) and \(.timing.build_after / 100 | round / 10), perhaps at once, compared in \(.timing.compare / 100 | round / 10), waited for compressed sizes \(.timing.compress / 100 | round / 10); \(.candidates | length) tried"' "$work/$name.json")
  printf '%-20s %9s %9s %7s   %s\n' "$name" "$build" "$verify" "$ratio" "$note"
  [ "$(awk "BEGIN { print ($ratio > $worst) }")" = 0 ] || worst=$ratio
  if [ -n "${REBUILD:-}" ]; then
    source=$(cd "$app/app" && find . -type f \( -name '*.ts' -o -name '*.go' -o -name '*.py' -o -name '*.rs' -o -name '*.c' -o -name '*.js' \) -not -path '*/node_modules/*' | sort | head -n 1)
    cold
    "$mbopt" verify --engine "$engine" --network host "${config[@]}" "${probes[@]}" --quiet --format json --rebuild "${source#./}" "$app/app/Dockerfile" >"$work/$name.json" 2>"$work/err"
    jq -r --arg build "$build" '"  tests \(.timing.tests / 1000) s, rebuild \(.timing.rebuild / 1000) s (\(.rebuild.before_millis // 0) ms before, told by its \(.rebuild.before_from), \(.rebuild.after_millis // 0) ms after): together \((.timing.tests + .timing.rebuild) / 10 / ($build | tonumber) | round / 100) of the build"' "$work/$name.json"
  fi
done
echo "worst ratio $worst, at most ${MOST:-2.3} is wanted"
[ "$(awk "BEGIN { print ($worst <= ${MOST:-2.3}) }")" = 1 ]
