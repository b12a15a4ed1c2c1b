#!/usr/bin/env bash
# sbom.sh FILE: writes the bill of materials of the program, CycloneDX 1.5 in JSON: every crate that is linked in on this platform, with its
# version, licence, SHA-256 and what it depends on. The same commit gives the same bill.
set -euo pipefail
target=$(realpath "$1")
cd "$(dirname "$0")/.."
# cargo-cyclonedx writes one beside each member's Cargo.toml.
name=bill-of-materials-$$
trap 'find . -maxdepth 4 -name "$name.json" -delete' EXIT
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Cargo.lock)} \
  cargo cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --override-filename "$name"
# The path of this folder is nobody's business.
sed "s|path+file://$PWD|path+file://.|g" "$name.json" >"$target"
