#!/usr/bin/env bash
# In a copy of the repository, each of these departures makes `cargo build` fail, with a finding at the line where it is.
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# Not the repository's own: cargo would take the copy's outputs for the repository's.
export CARGO_TARGET_DIR=$repo/target/drift CARGO_TERM_COLOR=never
spec=openapi/attachments.yaml
passed=0

fresh() {
  rm -rf "${copy:?}"/*
  (cd "$repo" && tar -c --exclude=./target --exclude=./data --exclude=./.git --exclude=node_modules .) | tar -x -C "$copy"
}

# line PATTERN [N]: the number of the Nth line of the spec, as it now is, that matches.
line() { grep -nE -- "$1" "$copy/$spec" | sed -n "${2:-1}p" | cut -d: -f1; }

# refused NAME LINE TEXT: the copy does not build, for a reason at that line that has that text.
refused() {
  if (cd "$copy" && cargo build --locked >build.log 2>&1); then
    echo "FAILED: $1: it builds" >&2
    exit 1
  fi
  if ! grep -E "error: .*$spec:$2:[0-9]+: " "$copy/build.log" | grep -qF -- "$3"; then
    echo "FAILED: $1: no finding at line $2 with: $3" >&2
    cat "$copy/build.log" >&2
    exit 1
  fi
  passed=$((passed + 1))
  echo "  $1: $(grep -E "error: .*$spec:$2:[0-9]+: " "$copy/build.log" | head -n 1 | sed 's/^error: teable-attachments@[^:]*: //')"
}

echo "drift"
fresh
(cd "$copy" && cargo check --locked --quiet) || { echo "FAILED: the untouched copy does not build" >&2; exit 1; }

sed -i 's/maximum: 5368709120/maximum: 5368709121/' "$copy/$spec"
refused "another maximum" "$(line 'maximum: 5368709121')" maximum
# The README shows this report.
sed -n '/^```text$/,/^```$/p' "$copy/README.md" | grep -v '^```' | while IFS= read -r shown; do
  grep -qF -- "$shown" "$copy/build.log" || { echo "FAILED: the README shows what is not reported: $shown" >&2; exit 1; }
done

fresh
sed -i '0,/^        baseId:/s//        baseID:/' "$copy/$spec"
refused "a renamed property" "$(line '^        baseID:')" baseID

fresh
sed -i '/^        - conflict$/d' "$copy/$spec"
refused "a removed enum value" "$(line '^      enum:$' 2)" conflict

fresh
sed -i 's/description: Retrieve upload signature\./description: Retrieve a signature./' "$copy/$spec"
refused "a changed description" "$(line 'Retrieve a signature')" description

fresh
perl -0pi -e "s/^        '415':\n.*\n//m" "$copy/$spec"
refused "a removed response" "$(line '^      responses:$')" 415

fresh
sed -i '0,/^        required: true/s//        requred: true/' "$copy/$spec"
refused "a misspelt key" "$(line 'requred')" requred

fresh
sed -i '/open_attachment,/d' "$copy/src/api/mod.rs"
refused "a handler taken out of configure" "$(($(line '^  /attachments/\{token\}:') + 1))" "GET /attachments/{token}"

fresh
sed -i 's|"/attachments/notify/{token}"|"/attachments/notice/{token}"|' "$copy/src/api/attachments/notify.rs"
refused "a handler at another path" "$(($(line '^  /attachments/notify/') + 1))" "POST /attachments/notify/{token}"

fresh
sed -i 's/(status = 201, description = "return the upload/(status = 200, description = "return the upload/' \
  "$copy/src/api/attachments/signature.rs"
refused "a handler with another status" "$(line "^        '201':")" 201

fresh
perl -0pi -e 's/^      security:\n.*\n//m' "$copy/$spec"
refused "security dropped from an operation" "$(line '^    post:$')" security

echo "drift: $passed departures refused, 0 failed"
