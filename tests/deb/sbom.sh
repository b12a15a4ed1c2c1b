#!/usr/bin/env bash
# sbom.sh BILL LICENCES.gz: the bill of materials is CycloneDX, and has exactly the crates that cargo links, each with a licence whose text is
# in the package. tests/deb/run.sh calls this.
set -euo pipefail
bill=$(realpath "$1")
licences=$(realpath "$2")
cd "$(dirname "$0")/../.."
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
repo=$PWD
source tests/lib.sh
"$(venv deb tests/deb/requirements.txt)/bin/python" - "$bill" <<'PYTHON' || fail "the bill of materials is no CycloneDX 1.5"
import pathlib, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
if error:
    sys.exit(repr(error))
PYTHON

# A line for each crate and version, without the features and paths that follow.
linked=$(cargo tree --locked --package teable-attachments --edges normal,no-proc-macro --prefix none --format '{p}' | sed 's/ v\([^ ]*\).*/ \1/' | sort -u)
listed=$(jq -r '.metadata.component, .components[] | "\(.name) \(.version)"' "$bill" | sort -u)
missing=$(comm -23 <(echo "$linked") <(echo "$listed"))
[ -z "$missing" ] || fail "not in the bill of materials: $missing"
bare=$(jq -r '.components[] | select((.licenses // []) == []) | .name' "$bill")
[ -z "$bare" ] || fail "no licence in the bill of materials: $bare"
unhashed=$(jq -r '.components[] | select((.purl | contains("download_url=file") | not) and (.hashes // []) == []) | .name' "$bill")
[ -z "$unhashed" ] || fail "no checksum in the bill of materials: $unhashed"
untold=$(comm -23 <(grep -v -e '^teable-attachments ' -e '^contract ' <<<"$linked") \
  <(zcat "$licences" | grep -oE '^[A-Za-z0-9_-]+ [0-9][^ :]*' | sort -u))
[ -z "$untold" ] || fail "no licence in the package: $untold"
echo "  bill of materials: CycloneDX 1.5, $(wc -l <<<"$linked") crates linked, $(wc -l <<<"$listed") listed with all that they are made by, licences of each"
