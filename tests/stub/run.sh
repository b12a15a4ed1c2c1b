#!/usr/bin/env bash
# A copy of the repository whose contract has operations that nobody wrote does not build, and says where their stubs are. Pasted as
# they say, they build, and what they do is what the contract says.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# Shared with the other copies, at whatever path.
export CARGO_TARGET_DIR=$repo/target/drift CARGO_TERM_COLOR=never CARGO_PROFILE_DEV_DEBUG=0
(cd "$repo" && tar -c --exclude=./target --exclude=./data --exclude=./.git --exclude=node_modules .) | tar -x -C "$copy"
# What another copy changed is older here, and cargo looks at the time alone.
find "$copy/src" "$copy/openapi" "$copy/build.rs" -type f -exec touch {} +
cd "$copy"

fail() {
  echo "FAILED: $*" >&2
  cat build.log >&2
  exit 1
}

# add FILE: its operations, to the contract of the copy.
add() {
  python3 - "$1" "$here/schemas.yaml" <<'PYTHON'
import pathlib, sys
operations, schemas, spec = [pathlib.Path(name) for name in [*sys.argv[1:], "openapi/attachments.yaml"]]
operations = "".join(line for line in operations.open() if not line.startswith("#"))
text = spec.read_text().replace("components:\n", operations + "components:\n", 1)
if "    NewAlbum:" not in text:
    text = text.replace("  schemas:\n", "  schemas:\n" + schemas.read_text(), 1)
spec.write_text(text)
PYTHON
}

add "$here/operations.yaml"
operations=$(grep -c operationId "$here/operations.yaml")

echo "stub"
if cargo build --locked >build.log 2>&1; then fail "operations without a handler build"; fi
mapfile -t steps < <(sed -n 's/.*what goes where, is in //p' build.log)
[ ${#steps[@]} -eq "$operations" ] || fail "${#steps[@]} stubs for $operations operations"
python3 "$here/paste.py" "${steps[@]}"
cargo fmt --all
cargo build --locked >build.log 2>&1 || fail "the pasted stubs do not build"
if grep -q '^warning: unused\|^warning: .*never used' build.log; then fail "the pasted stubs have leftovers"; fi
for steps in "${steps[@]}"; do echo "  $(basename "$steps" .txt): refused, pasted, builds"; done

add "$here/by-hand.yaml"
if cargo build --locked >build.log 2>&1; then fail "an operation without a handler builds"; fi
steps=$(sed -n 's/.*what goes where, is in //p' build.log)
sed -n '/^The spec asks for more/,$p' "$steps" | diff -u "$here/by-hand.txt" - >&2 || fail "another list of what is left to write"
echo "  put_statistics: says what a stub cannot"
echo "stub: $operations operations pasted as the report says, 0 failed"
