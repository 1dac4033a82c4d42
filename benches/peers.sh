#!/usr/bin/env bash
# Times mbopt next to other linters, in one run on one machine, and prints a table of ratios.
#
#   benches/peers.sh FOLDER        a folder that holds Dockerfiles (any names; every file in it counts)
#
# Peers are taken from the PATH where they are: hadolint, tally, droast. What is missing is said.
# Environment: MBOPT (default target/release/mbopt), COUNT (default 1000 files), RUNS (default 3).
set -euo pipefail

folder=${1:?usage: benches/peers.sh FOLDER}
mbopt=${MBOPT:-target/release/mbopt}
count=${COUNT:-1000}
runs=${RUNS:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The same files for everyone, under names that every tool takes for Dockerfiles.
mkdir "$work/files"
find "$folder" -type f -size -512k | sort | sed -n "1,${count}p" | awk -v to="$work/files" '{ printf "%s\t%s/%05d.Dockerfile\n", $0, to, NR }' |
  while IFS=$'\t' read -r from to; do cp "$from" "$to"; done

files=("$work"/files/*)
one=${files[0]}

measure() { # measure COMMAND...: the median of its runs in seconds, and its peak memory in KiB
  local times=() peak=0 i
  for ((i = 0; i < runs; i++)); do
    local line
    line=$( { /usr/bin/time -o "$work/time" -f '%e %M' "$@" >/dev/null 2>&1 || true; }; tail -n 1 "$work/time")
    times+=("${line% *}")
    peak=$(( ${line#* } > peak ? ${line#* } : peak ))
  done
  echo "$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$(( (runs + 1) / 2 ))p") $peak"
}

# One file takes milliseconds, less than the clock of `time` shows: fifty runs in a row.
fifty() { for _ in $(seq 50); do "$@" >/dev/null 2>&1 || true; done; }
export -f fifty
one_file() {
  local start end
  start=$(date +%s%N)
  fifty "$@"
  end=$(date +%s%N)
  awk -v ns=$((end - start)) 'BEGIN { printf "%.1f", ns / 50 / 1e6 }'
}

row() { # row NAME ONE_FILE_COMMAND -- ALL_FILES_COMMAND
  local name=$1 single=() all=()
  shift
  while [ "$1" != -- ]; do single+=("$1"); shift; done
  shift
  all=("$@")
  local ms seconds memory
  ms=$(one_file "${single[@]}")
  read -r seconds memory < <(measure "${all[@]}")
  read -r _ single_memory < <(RUNS=1 measure "${single[@]}")
  [ -n "${base_ms:-}" ] || { base_ms=$ms; base_seconds=$seconds; }
  awk -v n="$name" -v ms="$ms" -v bms="$base_ms" -v s="$seconds" -v bs="$base_seconds" -v m="$single_memory" \
    'BEGIN { printf "| %s | %.1f ms (%.1fx) | %.1f MiB | %.2f s (%.0fx) |\n", n, ms, ms / bms, m / 1024, s, s / bs }'
}

printf '| linter | one file | memory | %d files |\n|---|---|---|---|\n' "${#files[@]}"
row mbopt "$mbopt" lint --no-config "$one" -- "$mbopt" lint --no-config "${files[@]}"
for peer in hadolint droast tally; do
  if ! command -v "$peer" >/dev/null; then
    echo "| $peer | not installed | | |"
    continue
  fi
  case $peer in
    tally) row tally tally lint --slow-checks=off "$one" -- tally lint --slow-checks=off "${files[@]}" ;;
    *) row "$peer" "$peer" "$one" -- "$peer" "${files[@]}" ;;
  esac
done
