#!/usr/bin/env bash
# Brings mbopt onto the runner: a released binary whose checksum is right, or built from the
# action's checkout. Says where it is in the output `mbopt`.
# Runs on macOS's bash 3.2, too.
set -euo pipefail

fail() {
  # A message on one line needs no other escape.
  printf '::error title=mbopt::%s\n' "${1//%/%25}"
  exit 2
}

version=${INPUT_VERSION:-}
own=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$GITHUB_ACTION_PATH/Cargo.toml" | head -n 1)
case $version in
  "" | source) ;;
  *[!0-9A-Za-z.+-]*) fail "the input version is no version" ;;
esac
folder=$RUNNER_TEMP/mbopt
mkdir -p "$folder"
exe=mbopt
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) target=x86_64-unknown-linux-musl ;;
  Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-musl ;;
  Darwin-x86_64) target=x86_64-apple-darwin ;;
  Darwin-arm64) target=aarch64-apple-darwin ;;
  MINGW*-x86_64 | MSYS*-x86_64 | CYGWIN*-x86_64) target=x86_64-pc-windows-msvc exe=mbopt.exe ;;
  *) target="" ;;
esac

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

get() { # get URL FILE
  curl --silent --show-error --fail --location --retry 3 --max-time 300 --output "$2" "$1"
}

# 0 where a release was installed, 1 where there is none.
released() {
  [ -n "$target" ] && [ -n "${ACTION_REPOSITORY:-}" ] || return 1
  local name="mbopt-$target.tar.gz"
  local base="${GITHUB_SERVER_URL:-https://github.com}/$ACTION_REPOSITORY/releases/download/v${version:-$own}"
  get "$base/$name" "$folder/$name" || return 1
  local wanted=${INPUT_CHECKSUM:-}
  if [ -z "$wanted" ]; then
    get "$base/SHA256SUMS" "$folder/SHA256SUMS" || fail "the release has no SHA256SUMS; give the input checksum"
    wanted=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$folder/SHA256SUMS")
  fi
  local found
  found=$(sha256 "$folder/$name")
  [ "$found" = "$wanted" ] || fail "the checksum of $name is $found and should be ${wanted:-in SHA256SUMS}"
  tar -xzf "$folder/$name" -C "$folder" "$exe"
}

if [ "$version" = source ] || ! released; then
  # A release that was asked for by its number or its checksum is not silently replaced.
  if [ -n "$version" ] && [ "$version" != source ]; then fail "there is no release $version of mbopt for this runner"; fi
  if [ -n "${INPUT_CHECKSUM:-}" ]; then fail "there is no released binary that the input checksum could be of"; fi
  command -v cargo >/dev/null || fail "there is no release of mbopt for this runner, and no cargo to build it"
  echo "building mbopt from source"
  cargo install --quiet --locked --path "$GITHUB_ACTION_PATH" --root "$folder/built" --force
  mv "$folder/built/bin/$exe" "$folder/$exe"
fi
"$folder/$exe" --version
echo "mbopt=$folder/$exe" >>"$GITHUB_OUTPUT"
