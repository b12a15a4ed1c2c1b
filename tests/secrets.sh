#!/usr/bin/env bash
# No secret in any log: looks for every secret that the tests used in all that was logged while they ran. tests/run.sh calls this last; the tests and the
# end-to-end tier leave both in target/tmp/evidence.
set -euo pipefail
cd "$(dirname "$0")/.."
evidence=${CARGO_TARGET_DIR:-target}/tmp/evidence
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
[ -s "$evidence/secrets" ] && [ -s "$evidence/logs" ] || fail "the tests have left nothing in $evidence"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cut -f 2 "$evidence/secrets" | sort -u >"$scratch/patterns"
# found FILE: the lines of it that hold a secret.
found() { LC_ALL=C grep -aF -f "$scratch/patterns" "$1" || true; }

# It can fail: one secret of each kind, in the middle of a line, is found.
for kind in access token address key store database; do
  planted=$(awk -F '\t' -v kind="$kind" '$1 == kind {print $2; exit}' "$evidence/secrets")
  [ -n "$planted" ] || fail "no test used a secret of the kind $kind"
  printf 'INFO a line with %s in it\n' "$planted" >"$scratch/planted"
  [ "$(found "$scratch/planted" | wc -l)" = 1 ] || fail "a planted secret of the kind $kind is not found"
done

found "$evidence/logs" >"$scratch/found"
# What was found is a secret: this log says where it stands, and not what it is.
if [ -s "$scratch/found" ]; then
  sed -E 's/[0-9A-Za-z_+\/=-]{20,}/…/g' "$scratch/found" | cut -c 1-300 | sort | uniq -c | sort -rn | head -n 20 >&2
  fail "$(wc -l <"$scratch/found") lines of the logs hold a secret"
fi
echo "secrets: $(wc -l <"$scratch/patterns") of 6 kinds, 0 in $(wc -l <"$evidence/logs") lines of logs"
