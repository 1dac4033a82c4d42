#!/usr/bin/env bash
# Rewrites and builds each project of a folder with a real engine, runs both images, and prints a table:
# project, ecosystem, level, size before and after, verdict, reason.
#
#   tests/projects.sh FOLDER [NAME...]
#
# A project is a folder of FOLDER with a Dockerfile (or `app/Dockerfile` with `about.yaml` beside `app`,
# as under fixtures/apps). FOLDER/projects.tsv may name others: project, Dockerfile, context (relative
# to the project), language.
# about.yaml: `built: false` (not built, only planned), `port:`, `probes: [/, /x]`, `env: [A=b]`.
#
# Environment: MBOPT (the program; default target/debug/mbopt), ENGINE (docker), BUILD_FLAGS
# (--network=host), ALIAS (a program that makes base images of a Dockerfile available), OUT (where
# rewritten files and logs are kept), KEEP=1 (keep the images), FIX=safe (only what --fix takes).
# Verdicts: same, DIFFERS, unbuilt (the original does not build), BROKEN (only the rewrite does not),
# left (left alone, with the reason), minimal (the rewrite saves less than 10 % or 10 MB), planned.
set -u
folder=${1:?usage: tests/projects.sh FOLDER [NAME...]}
shift
root=$(cd "$(dirname "$0")/.." && pwd)
MBOPT=${MBOPT:-$root/target/debug/mbopt}
ENGINE=${ENGINE:-docker}
list=${LIST:-$folder/projects.tsv}
BUILD_FLAGS=${BUILD_FLAGS---network=host}
OUT=${OUT:-$(mktemp -d)}
FIX=${FIX:-unsafe}
export DOCKER_BUILDKIT=1
for tool in jq curl "$ENGINE"; do
  command -v "$tool" >/dev/null || { echo "projects.sh needs $tool" >&2; exit 2; }
done
mkdir -p "$OUT"

# The value of a key of about.yaml; lists in one line come as words.
about() { [ -f "$1" ] && sed -n "s/^$2: *//p" "$1" | tr -d '[]"' | tr ',' ' '; }

# Runs an image and writes what can be seen of it to a file: exit code and output of a program that
# ends, answers of one that serves.
observe() { # image file port probes env
  local image=$1 file=$2 port=$3 probes=$4 name="mbopt-$$-$RANDOM" pid code
  local flags=(--name "$name" --network=none)
  for pair in $5; do flags+=(-e "$pair"); done
  : >"$file"
  if ! $ENGINE run -d "${flags[@]}" "$image" >/dev/null 2>"$file.err"; then
    echo "does not start: $(tail -n 1 "$file.err")" >"$file"
    $ENGINE rm -f "$name" >/dev/null 2>&1
    return
  fi
  local waited=0 limit=${WAIT:-40}
  while [ $waited -lt "$limit" ]; do
    [ "$($ENGINE inspect -f '{{.State.Running}}' "$name")" = true ] || break
    pid=$($ENGINE inspect -f '{{.State.Pid}}' "$name")
    if [ -n "$port" ] && nsenter -t "$pid" -n curl -s -o /dev/null --max-time 2 "http://127.0.0.1:$port/"; then
      for probe in $probes; do
        printf '%s ' "$probe"
        nsenter -t "$pid" -n curl -s --max-time 10 -w '%{http_code} %{content_type} ' -o "$file.body" "http://127.0.0.1:$port$probe"
        [ -f "$file.body" ] && sha256sum <"$file.body"
      done >>"$file"
      rm -f "$file.body"
      break
    fi
    [ -z "$port" ] && [ $waited -ge "${PATIENCE:-12}" ] && break
    sleep 0.5
    waited=$((waited + 1))
  done
  if [ "$($ENGINE inspect -f '{{.State.Running}}' "$name")" = true ]; then
    local before after
    before=$(date +%s)
    $ENGINE stop -t 5 "$name" >/dev/null
    after=$(date +%s)
    code="stopped $($ENGINE inspect -f '{{.State.ExitCode}}' "$name") $([ $((after - before)) -ge 5 ] && echo late || echo soon)"
  else
    code="exit $($ENGINE inspect -f '{{.State.ExitCode}}' "$name")"
  fi
  # Times, addresses and ids differ from run to run, and so does the order in which threads speak.
  $ENGINE logs "$name" 2>&1 | sed -E 's/[0-9]{4}[-\/][0-9]{2}[-\/][0-9]{2}[T ]?[0-9:.,]*Z?/TIME/g; s/[0-9]{2}:[0-9]{2}:[0-9]{2}[0-9.]*/TIME/g; s/0x[0-9a-f]+/ADDRESS/g; s/pid[= ]?[0-9]+/PID/g; s/\(node:[0-9]+\)/(node)/g; s/[0-9.]+ ?(ms|µs|ns|s)\b/SPAN/g' | head -c 20000 | sort >"$file.log"
  { cat "$file.log"; echo "$code"; } >>"$file"
  $ENGINE rm -f "$name" >/dev/null 2>&1
}

size() { $ENGINE image inspect -f '{{.Size}}' "$1" 2>/dev/null; }
mb() { echo "$(((${1:-0} + 500000) / 1000000))"; }
row() { printf '%-34s %-8s %-12s %-7s %7s %7s %6s  %-8s %s\n' "$@"; }

project() { # name folder dockerfile about language
  local name=$1 dir=$2 file=$3 facts=$4 eco=$5 json level fix before after verdict reason
  json=$OUT/$name.json
  if ! "$MBOPT" plan --format json "$dir/$file" --context "$dir" >"$json" 2>"$OUT/$name.err"; then
    row "$name" "$eco" - - - - - error "$(tail -n 1 "$OUT/$name.err")"
    return
  fi
  local found
  found=$(jq -r '[.artifacts[].ecosystem] | unique | join("+")' "$json")
  eco=${found:-$eco}
  local at
  at=$(jq -r '.verdict.rewrite // empty' "$json")
  if [ -z "$at" ]; then
    row "$name" "$eco" - - - - - left "$(jq -r '[.verdict["left-alone"][]?.says] | join("; ")' "$json" | cut -c1-120)"
    return
  fi
  level=$(jq -r ".candidates[$at].level" "$json")
  fix=$(jq -r ".candidates[$at].applicability" "$json")
  reason=$(jq -r "[.candidates[$at][\"unsafe-because\"][]?.says] | join(\"; \")" "$json" | cut -c1-120)
  jq -j ".candidates[$at].text" "$json" >"$OUT/$name.Dockerfile"
  if [ "$(about "$facts" built)" = false ]; then
    row "$name" "$eco" "$level" "$fix" - - - planned "not built: $(about "$facts" why)"
    return
  fi
  if [ "$FIX" = safe ] && [ "$fix" != safe ]; then
    row "$name" "$eco" "$level" "$fix" - - - left "$reason"
    return
  fi
  if [ -n "${ALIAS:-}" ]; then "$ALIAS" "$dir/$file" "$OUT/$name.Dockerfile" >"$OUT/$name.alias" 2>&1; fi
  local old="mbopt-projects/$(echo "$name" | tr 'A-Z+' 'a-z-'):before" new="mbopt-projects/$(echo "$name" | tr 'A-Z+' 'a-z-'):after"
  # shellcheck disable=SC2086
  build() { timeout "${LIMIT:-900}" $ENGINE build $BUILD_FLAGS --label mbopt-projects=1 -q -t "$1" -f "$2" "$dir" >"$3" 2>&1; }
  if ! build "$old" "$dir/$file" "$OUT/$name.before.log"; then
    row "$name" "$eco" "$level" "$fix" - - - unbuilt "$(grep -aE 'rror|not found' "$OUT/$name.before.log" | tail -n 1 | cut -c1-120)"
    return
  fi
  before=$(size "$old")
  if ! build "$new" "$OUT/$name.Dockerfile" "$OUT/$name.after.log"; then
    row "$name" "$eco" "$level" "$fix" "$(mb "$before")" - - BROKEN "$(grep -aE 'rror|not found' "$OUT/$name.after.log" | tail -n 1 | cut -c1-120)"
    return
  fi
  after=$(size "$new")
  local port probes
  port=$(about "$facts" port)
  [ -n "$port" ] || port=$($ENGINE image inspect -f '{{range $p, $_ := .Config.ExposedPorts}}{{$p}} {{end}}' "$old" | tr ' ' '\n' | sed -n 's#/tcp##p' | head -n 1)
  probes=$(about "$facts" probes)
  observe "$old" "$OUT/$name.before" "$port" "${probes:-/}" "$(about "$facts" env)"
  observe "$new" "$OUT/$name.after" "$port" "${probes:-/}" "$(about "$facts" env)"
  if cmp -s "$OUT/$name.before" "$OUT/$name.after"; then
    verdict=same
  else
    # Logs may tell of chance; a second look at the old image shows that.
    observe "$old" "$OUT/$name.again" "$port" "${probes:-/}" "$(about "$facts" env)"
    if cmp -s "$OUT/$name.before" "$OUT/$name.again"; then
      verdict=DIFFERS
      reason="$(diff "$OUT/$name.before" "$OUT/$name.after" | grep '^[<>]' | head -n 2 | tr '\n' ' ' | cut -c1-120)"
    else
      verdict=same
      reason="its output is never the same twice"
      [ "$(tail -n 1 "$OUT/$name.before")" = "$(tail -n 1 "$OUT/$name.after")" ] || verdict=DIFFERS
    fi
  fi
  local saved=$((before - after)) percent=$(((before - after) * 1000 / before))
  if [ "$verdict" = same ] && { [ $saved -lt 10000000 ] || [ $percent -lt 100 ]; }; then verdict=minimal; fi
  row "$name" "$eco" "$level" "$fix" "$(mb "$before")" "$(mb "$after")" "$((percent / 10)).$((percent % 10))%" "$verdict" "$reason"
  [ -n "${KEEP:-}" ] || $ENGINE image rm "$old" "$new" >/dev/null 2>&1
}

echo "kept in $OUT" >&2
row project stack level fix before after saved verdict reason
if [ -f "$list" ]; then
  while IFS=$'\t' read -r name file context language; do
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    [ -f "$folder/$name/$context/$file" ] && project "$name" "$folder/$name/$context" "$file" "$folder/$name.yaml" "$language" </dev/null
  done <"$list"
else
  for dir in "$folder"/*/; do
    name=$(basename "$dir")
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    if [ -f "$dir/app/Dockerfile" ]; then
      project "$name" "$dir/app" Dockerfile "$dir/about.yaml" "-"
    elif [ -f "$dir/Dockerfile" ]; then
      project "$name" "${dir%/}" Dockerfile "$dir/about.yaml" "-"
    fi
  done
fi
