#!/usr/bin/env bash
# Copies of the example project in contract/examples/library, each with one drift from its spec. `cargo check` refuses each, with
# the report that stands beside its patch; the patches in `fine/` are no drift, and build. UPDATE=1 writes the reports anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
# Not the repository's own, and always the same: only what a patch touches is compiled again.
export CARGO_TARGET_DIR=$repo/target/drifts CARGO_TERM_COLOR=never CARGO_PROFILE_DEV_DEBUG=0
copy=$CARGO_TARGET_DIR/library
found=0 fine=0

fresh() {
  rm -rf "$copy"
  mkdir -p "$copy"
  cp -r "$repo/contract/examples/library/." "$copy"
  cp "$repo/Cargo.lock" "$copy"
  sed -i "s|path = \"../..\"|path = \"$repo/contract\"|" "$copy/Cargo.toml"
  printf '\n[workspace]\n' >>"$copy/Cargo.toml"
}

# check PATCH: applies it to a fresh copy and checks that.
check() {
  fresh
  # The copy is no part of the repository that it stands in.
  (cd "$copy" && GIT_CEILING_DIRECTORIES=$CARGO_TARGET_DIR git apply "$1" >check.log 2>&1) || fail "$1: does not apply"
  (cd "$copy" && cargo check --offline >check.log 2>&1)
}

fail() {
  echo "FAILED: $*" >&2
  cat "$copy/check.log" >&2
  exit 1
}

fresh
(cd "$copy" && cargo check --quiet) || fail "the example does not build"
for patch in "$here"/drifts/*.patch; do
  name=$(basename "$patch" .patch)
  if check "$patch"; then
    if [ -n "${UPDATE:-}" ]; then echo "MISSED $name"; continue; fi
    fail "$name: it builds"
  fi
  path=$(sed -n 's/^error: .*the whole report: //p' "$copy/check.log")
  [ -n "$path" ] || fail "$name: no report"
  if [ -n "${UPDATE:-}" ]; then cp "$path" "${patch%.patch}.txt"; fi
  diff -u "${patch%.patch}.txt" "$path" >&2 || fail "$name: another report than ${patch%.patch}.txt"
  found=$((found + 1))
  echo "  $name: $(sed -n 's/^error\[\(.*\)\]: .*/\1/p' "$path" | sort | uniq -c | sed 's/^ *1 //; s/^ *//' | paste -sd, | sed 's/,/, /g')"
done
for patch in "$here"/fine/*.patch; do
  name=$(basename "$patch" .patch)
  check "$patch" || fail "$name: it does not build"
  fine=$((fine + 1))
  echo "  $name: builds"
done
echo "drifts: $found found, 0 missed; false alarms: 0 of $fine"
