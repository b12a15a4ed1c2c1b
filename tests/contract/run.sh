#!/usr/bin/env bash
# tests/contract/run.sh [NAME]: applies each patch in drifts/ to a copy of the example project in
# contract/examples/library. Cargo refuses each, with the report beside the patch. The patches in
# fine/ are no drift: the project builds. UPDATE=1 writes the reports anew. A NAME selects the patches
# whose name contains it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
source "$repo/tests/lib.sh"
found=0 fine=0

fail() {
  echo "FAILED: $*" >&2
  cat "$copy/check.log" >&2
  exit 1
}

# builds PATCH: applies it to an unchanged copy of the example, and checks the copy.
builds() {
  restore_copy
  git -C "$copy" apply --directory=contract/examples/library "$1" >"$copy/check.log" 2>&1 || fail "$1: does not apply"
  (cd "$copy" && cargo check "${copy_flags[@]}" >check.log 2>&1)
}

make_copy
echo "drifts of another app"
for patch in "$here"/drifts/*"${1:-}"*.patch; do
  name=$(basename "$patch" .patch)
  if builds "$patch"; then
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
if [ -z "${1:-}" ]; then
  for patch in "$here"/fine/*.patch; do
    name=$(basename "$patch" .patch)
    builds "$patch" || fail "$name: it does not build"
    fine=$((fine + 1))
    echo "  $name: builds"
  done
fi
echo "drifts: $found found, 0 missed; false alarms: 0 of $fine"
