#!/usr/bin/env bash
# A copy of the repository whose contract has operations without handlers does not build. The report
# names the files with their stubs. The stubs build once they are pasted as the report says.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
source "$repo/tests/lib.sh"

fail() {
  echo "FAILED: $*" >&2
  cat build.log >&2
  exit 1
}

# builds: checks the copy; the output is in build.log.
builds() { cargo check "${copy_flags[@]}" >build.log 2>&1; }

# add FILE: adds its operations to the contract of the copy.
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

make_copy
cd "$copy"
add "$here/operations.yaml"
operations=$(grep -c operationId "$here/operations.yaml")

echo "stub"
if builds; then fail "operations without a handler build"; fi
mapfile -t steps < <(sed -n 's/.*what goes where, is in //p' build.log)
[ ${#steps[@]} -eq "$operations" ] || fail "${#steps[@]} stubs for $operations operations"
python3 "$here/paste.py" "${steps[@]}"
cargo fmt --all
builds || fail "the pasted stubs do not build"
if grep -q '^warning: unused\|^warning: .*never used' build.log; then fail "the pasted stubs have leftovers"; fi
for steps in "${steps[@]}"; do echo "  $(basename "$steps" .txt): refused, pasted, builds"; done

add "$here/by-hand.yaml"
if builds; then fail "an operation without a handler builds"; fi
steps=$(sed -n 's/.*what goes where, is in //p' build.log)
sed -n '/^The spec asks for more/,$p' "$steps" | diff -u "$here/by-hand.txt" - >&2 || fail "another list of what is left to write"
echo "  put_statistics: says what a stub cannot"
echo "stub: $operations operations pasted as the report says, 0 failed"
