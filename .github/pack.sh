#!/usr/bin/env bash
# Packs what is released into an archive: the program, its completions, manual pages and licences.
# usage: .github/pack.sh TARGET FOLDER
set -euo pipefail
target=$1 out=$2
exe=mbopt
case $target in *windows*) exe=mbopt.exe ;; esac
built=${CARGO_TARGET_DIR:-target}/$target/dist/$exe
[ -f "$built" ] || { echo "no $built: cargo build --profile dist --features packed --locked --target $target"; exit 2; }
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$built" LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md "$work"
mkdir "$work/completions"
for shell in bash elvish fish powershell zsh; do
  "$built" completions "$shell" >"$work/completions/mbopt.$shell"
done
"$built" man "$work/man"
tar -C "$work" -czf "$out/mbopt-$target.tar.gz" "$exe" LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md completions man
