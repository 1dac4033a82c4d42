#!/usr/bin/env bash
# Times the bundled engine next to Docker's BuildKit and Buildah: cold builds of real applications, in
# one run on one machine, interleaved; then what the builder itself adds to each step, a rebuild that
# changes nothing, and the memory that a large layer takes.
#
#   benches/builders.sh [APPLICATION...]      folders that hold a Dockerfile
#
# Needs root, docker-registry (Debian), a Docker Engine at DOCKER_HOST that has the base images; Buildah
# is measured where it is installed. Every builder gets the same Dockerfile; the base images are in its
# own store before the clock starts, and its result is an image in that store, a layer a step.
# Environment: MBOPT (default target/release/mbopt), RUNS (default 5), REGISTRY (a host:port that has the
# base images already, under library/), PART (builds, steps, cached, memory; default all).
set -euo pipefail
cd "$(dirname "$0")/.."

mbopt=$(realpath "${MBOPT:-target/release/mbopt}")
runs=${RUNS:-5}
parts=${PART:-builds steps cached memory}
docker=${MBOPT_DOCKER:-$([ -x /usr/bin/docker ] && echo /usr/bin/docker || echo docker)}
if [ $# -eq 0 ]; then set -- fixtures/apps/go-data/app fixtures/apps/react-vite/app fixtures/apps/c-make/app; fi

[ "$(id -u)" -eq 0 ] || { echo "needs root: Docker's and Buildah's builders run as root, too"; exit 77; }
"$docker" version >/dev/null 2>&1 || { echo "no Docker Engine answers at ${DOCKER_HOST:-the usual place}"; exit 77; }
buildah=$(command -v buildah || true)
# Where control groups are of both versions, crun does not start.
runtime=$(command -v runc || command -v crun || true)
[ -n "$buildah" ] || echo "buildah is not installed: it is left out"

work=$(mktemp -d "${TMPDIR:-/var/tmp}/mbopt-bench-XXXXXX")
registry=
tagged=()
cleanup() {
  for name in "${tagged[@]}"; do "$docker" rmi "$name" >/dev/null 2>&1 || true; done
  [ -z "$registry" ] || kill "$registry" 2>/dev/null || true
  [ -z "$buildah" ] || "${own[@]}" rmi --all --force >/dev/null 2>&1 || true
  umount -l "$work"/buildah/overlay 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

own=("$buildah" --root "$work/buildah" --runroot "$work/buildah-run" --storage-driver overlay)
export XDG_CACHE_HOME=$work/cache

host=${REGISTRY:-}
if [ -z "$host" ]; then
  command -v docker-registry >/dev/null || { echo "docker-registry is not installed"; exit 77; }
  host=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  printf 'version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' "$work/registry" "$host" >"$work/registry.yml"
  docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 & registry=$!
  sleep 1
fi

# A copy of an application whose base images are the registry's.
take() { # take FOLDER COPY
  cp -r "$1" "$2"
  local base
  for base in $(sed -nE 's/^FROM +([^ ]+).*/\1/ip' "$2/Dockerfile" | sort -u); do
    grep -qiE "^FROM .* AS +$base\$" "$2/Dockerfile" && continue
    [ "$base" != scratch ] || continue
    local name=$host/library/$base
    if [ -z "${known[$base]:-}" ]; then
      known[$base]=yes
      if [ -n "$registry" ] || ! "$docker" image inspect "$name" >/dev/null 2>&1; then
        "$docker" tag "$base" "$name"
        tagged+=("$name")
        [ -z "$registry" ] || "$docker" push -q "$name" >/dev/null
      fi
      printf 'FROM %s\n' "$name" >"$work/pull.Dockerfile"
      "$mbopt" build --engine native --quiet --no-config -f "$work/pull.Dockerfile" "$work/empty" >/dev/null
      [ -z "$buildah" ] || "${own[@]}" pull --quiet --tls-verify=false "$name" >/dev/null
    fi
    sed -i -E "s#^(FROM +)$base( |\$)#\1$name\2#I" "$2/Dockerfile"
  done
}
declare -A known
mkdir "$work/empty"

# One build: its seconds on standard output, what it says in a log.
seconds() { # seconds COMMAND...
  local start end
  start=$(date +%s%N)
  "$@" >"$work/log" 2>&1 || { echo "failed: $*" >&2; tail -20 "$work/log" >&2; exit 1; }
  end=$(date +%s%N)
  awk -v ns=$((end - start)) 'BEGIN { printf "%.3f\n", ns / 1e9 }'
}
native() { seconds "$mbopt" build --engine native --network host --no-config --quiet "$@"; }
by_docker() { DOCKER_BUILDKIT=1 seconds "$docker" build --network host --quiet "$@"; }
by_buildah() { seconds "${own[@]}" build --layers --runtime "$runtime" --network host --pull-never --quiet "$@"; }
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
forget() {
  "$docker" rmi --force mbopt-bench >/dev/null 2>&1 || true
  [ -z "$buildah" ] || "${own[@]}" rmi --force mbopt-bench >/dev/null 2>&1 || true
}
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

builds() {
  echo "cold builds, median of $runs interleaved runs, in seconds"
  printf '| application | mbopt | Docker | ratio | Buildah | ratio |\n|---|---|---|---|---|---|\n'
  local application folder name run
  for application in "$@"; do
    name=$(basename "$(dirname "$(realpath "$application")")")
    folder=$work/app-$name
    take "$application" "$folder"
    : >"$work/n"; : >"$work/d"; : >"$work/b"
    for ((run = 0; run < runs; run++)); do
      native --no-cache "$folder" >>"$work/n"
      by_docker --no-cache -t mbopt-bench "$folder" >>"$work/d"
      [ -z "$buildah" ] || by_buildah --no-cache -t mbopt-bench "$folder" >>"$work/b"
      forget
    done
    local n d b=
    n=$(median <"$work/n"); d=$(median <"$work/d")
    [ -z "$buildah" ] || b=$(median <"$work/b")
    echo "| $name | $n | $d | $(ratio "$n" "$d") | ${b:--} | $([ -z "$b" ] || ratio "$n" "$b") |"
    [ -z "${VERBOSE:-}" ] || paste -d' ' "$work/n" "$work/d" "$work/b"
  done
}

# Two files that differ in the number of their steps: the difference is the steps'.
steps() {
  echo "what a step costs, in milliseconds (the median of $runs)"
  printf '| step | mbopt | Docker | Buildah |\n|---|---|---|---|\n'
  local kind line of
  for kind in RUN COPY; do
    for of in few many; do
      mkdir -p "$work/$kind-$of"
      echo x >"$work/$kind-$of/file"
      printf 'FROM gcc:13\n' >"$work/$kind-$of/Dockerfile"
      for line in $(seq $([ $of = few ] && echo 1 || echo 21)); do
        case $kind in
          RUN) echo "RUN [\"/bin/true\", \"$line\"]" ;;
          COPY) echo "COPY file /file$line" ;;
        esac >>"$work/$kind-$of/Dockerfile"
      done
      take "$work/$kind-$of" "$work/$kind-$of-app"
    done
    local run builder
    : >"$work/native"; : >"$work/by_docker"; : >"$work/by_buildah"
    for ((run = 0; run < runs; run++)); do
      for builder in native by_docker by_buildah; do
        [ "$builder" != by_buildah ] || [ -n "$buildah" ] || continue
        awk -v few="$("$builder" --no-cache "$work/$kind-few-app")" -v many="$("$builder" --no-cache "$work/$kind-many-app")" \
          'BEGIN { print (many - few) / 20 * 1000 }' >>"$work/$builder"
      done
    done
    echo "| $kind | $(median <"$work/native") | $(median <"$work/by_docker") | $(median <"$work/by_buildah") |"
  done
}

cached() {
  echo "a rebuild that changes nothing, in seconds (the median of $runs)"
  printf '| application | mbopt | Docker | Buildah |\n|---|---|---|---|\n'
  local application name run folder builder
  for application in "$@"; do
    name=$(basename "$(dirname "$(realpath "$application")")")
    folder=$work/cached-$name
    take "$application" "$folder"
    for builder in native by_docker by_buildah; do
      : >"$work/$builder"
      [ "$builder" != by_buildah ] || [ -n "$buildah" ] || continue
      "$builder" "$folder" >/dev/null
      for ((run = 0; run < runs; run++)); do "$builder" "$folder" >>"$work/$builder"; done
    done
    echo "| $name | $(median <"$work/native") | $(median <"$work/by_docker") | $(median <"$work/by_buildah") |"
  done
}

memory() {
  mkdir "$work/large"
  printf 'FROM gcc:13\nCOPY large /large\nRUN cp /large /again\n' >"$work/large/Dockerfile"
  head -c 1G /dev/urandom >"$work/large/large"
  take "$work/large" "$work/large-app"
  /usr/bin/time -o "$work/time" -f '%M' "$mbopt" build --engine native --network host --no-config --quiet --no-cache "$work/large-app" >/dev/null
  echo "two layers of 1 GiB, at most: $(awk '{ printf "%.0f", $1 / 1024 }' "$work/time") MiB of the builder's memory"
}

for part in $parts; do "$part" "$@"; echo; done
