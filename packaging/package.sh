#!/usr/bin/env bash
# Makes the Debian package of the program that `cargo build --profile dist --locked` has built. The
# package also has the pages of the manual, the completions, the licences of all linked crates, and the
# bill of materials. It needs cargo-deb, cargo-cyclonedx, dpkg-dev, jq and xz-utils, and passes its
# arguments to cargo-deb.
set -euo pipefail
cd "$(dirname "$0")/.."
release=${CARGO_TARGET_DIR:-target}/dist
program=$release/teable-attachments
[ -x "$program" ] || {
  echo "$program is not there; build it with \`cargo build --profile dist --locked\`" >&2
  exit 1
}
out=$release/package
rm -rf "$out"
mkdir -p "$out"/{completions,doc,man}

for shell in bash fish zsh; do
  "$program" completions "$shell" >"$out/completions/$shell"
done

"$program" man | gzip -9n >"$out/man/teable-attachments.1.gz"
for page in backup gc openapi serve token 'token create' 'token list' 'token revoke' upload; do
  # A page is called after its words, one argument each.
  # shellcheck disable=SC2086
  "$program" man $page | gzip -9n >"$out/man/teable-attachments-${page// /-}.1.gz"
done

packaging/sbom.sh "$out/sbom.cdx.json"
gzip -9n <"$out/sbom.cdx.json" >"$out/doc/sbom.cdx.json.gz"
python3 packaging/licences.py "$out/sbom.cdx.json" | gzip -9n >"$out/doc/third-party-licences.txt.gz"
gzip -9n <CHANGELOG.md >"$out/doc/changelog.gz"

# Symbols go into a package of their own, or nowhere.
case " $* " in
*" --dbgsym "*) ;;
*) set -- --strip "$@" ;;
esac
cargo deb --profile dist --no-build --locked "$@"
