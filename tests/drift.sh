#!/usr/bin/env bash
# tests/drift.sh [--all | NAME]: changes a copy of this repository so that the code and the contract
# differ, one change at a time. Cargo refuses each change, with a finding at the right line.
#
# The default run has one change for each part of the report. --all has every change. A NAME, such as
# "another maximum", selects the changes whose name contains it. The reports stay in
# target/drift-reports. tests/contract/run.sh has one change for each kind of finding.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
source tests/lib.sh
spec=openapi/attachments.yaml
selected=${1:-}
passed=0

fail() {
  echo "FAILED: $*" >&2
  cat "$copy/build.log" >&2
  exit 1
}

# change NAME [always]: begins a change, on an unchanged copy. Returns 1 if the change is not selected.
change() {
  case $selected in
  --all) ;;
  '') [ "${2:-}" = always ] || return 1 ;;
  *) [[ $1 == *"$selected"* ]] || return 1 ;;
  esac
  restore_copy
  name=$1
}

# replace FILE FROM TO: replaces the first occurrence in a file of the copy. The file must have one.
replace() {
  FROM=$2 TO=$3 perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/ or die "not there: $ENV{FROM}\n"' "$copy/$1"
}

# line PATTERN [N]: prints the number of the Nth line of the copy's contract that matches.
line() { grep -nE -- "$1" "$copy/$spec" | sed -n "${2:-1}p" | cut -d: -f1; }

# builds: checks the copy; the output is in build.log.
builds() { (cd "$copy" && cargo check "${copy_flags[@]}" >build.log 2>&1); }

# refused LINE TEXT: the copy does not build, and a finding at this line of the contract has this text.
refused() {
  ! builds || fail "$name: it builds"
  grep -E "error: .*$spec:$1:[0-9]+: " "$copy/build.log" | grep -qF -- "$2" ||
    fail "$name: no finding at line $1 with: $2"
  passed=$((passed + 1))
  echo "  $name: $(grep -E "error: .*$spec:$1:[0-9]+: " "$copy/build.log" | head -n 1 | sed 's/^error: teable-attachments@[^:]*: //')"
}

# misbehaves KIND TEXT: the copy does not build, and a finding of this kind has this text.
misbehaves() {
  ! builds || fail "$name: it builds"
  grep -F "error[contract::$1]: " "$copy/build.log" | grep -qF -- "$2" ||
    fail "$name: no contract::$1 with: $2"
  passed=$((passed + 1))
  sed -n '/^  --- stderr$/,$p' "$copy/build.log" | sed '1d; s/^  //' >"$reports/${name// /-}.txt"
  echo "  $name: $(grep -F "error[contract::$1]: " "$copy/build.log" | grep -F -- "$2" | head -n 1 | sed 's/^ *//' | cut -c1-200)"
}

reports=$repo/target/drift-reports
rm -rf "$reports"
mkdir -p "$reports"
make_copy
echo "drift"

if change "another maximum" always; then
  sed -i 's/maximum: 5368709120/maximum: 5368709121/' "$copy/$spec"
  refused "$(line 'maximum: 5368709121')" maximum
  # The README shows this report.
  while IFS= read -r shown; do
    grep -qF -- "$shown" "$copy/build.log" || fail "the README has a line that is not reported: $shown"
  done < <(sed -n '/^```text$/,/^```$/p' "$copy/README.md" | grep -v '^```')
fi

if change "a renamed property"; then
  sed -i '0,/^        baseId:/s//        baseID:/' "$copy/$spec"
  refused "$(line '^        baseID:')" baseID
fi

if change "a removed enum value"; then
  sed -i '/^        - conflict$/d' "$copy/$spec"
  refused "$(line '^      enum:$' 2)" conflict
fi

if change "a changed description"; then
  sed -i 's/description: Retrieve upload signature\./description: Retrieve a signature./' "$copy/$spec"
  refused "$(line 'Retrieve a signature')" description
fi

if change "a removed response"; then
  perl -0pi -e "s/^        '415':\n.*\n//m" "$copy/$spec"
  refused "$(line '^      responses:$')" 415
fi

if change "a misspelt key" always; then
  sed -i '0,/^        required: true/s//        requred: true/' "$copy/$spec"
  refused "$(line 'requred')" requred
fi

if change "a handler taken out of configure" always; then
  sed -i '/open_attachment,/d' "$copy/src/api/mod.rs"
  refused "$(($(line '^  /attachments/\{token\}:') + 1))" "GET /attachments/{token}"
fi

if change "a handler at another path"; then
  sed -i 's|"/attachments/notify/{token}"|"/attachments/notice/{token}"|' "$copy/src/api/attachments/notify.rs"
  refused "$(($(line '^  /attachments/notify/') + 1))" "POST /attachments/notify/{token}"
fi

if change "a handler with another status"; then
  sed -i 's/status = 201, description = "return the upload/status = 200, description = "return the upload/' \
    "$copy/src/api/attachments/signature.rs"
  refused "$(line "^        '201':")" 201
fi

if change "security dropped from an operation"; then
  perl -0pi -e 's/^      security:\n.*\n//m' "$copy/$spec"
  refused "$(line '^    post:$')" security
fi

# From here on, both documents agree, and the handlers behave differently.

if change "a validator that is stricter than its schema" always; then
  replace src/api/attachments/notify.rs 'length(max = LABEL.max)' 'length(max = 254)'
  misbehaves allowed-refused filename
fi

if change "an option that takes null"; then
  replace src/api/attachments/signature.rs '    #[serde(default, deserialize_with = "json::present")]
    #[schema(schema_with = expires_in' '    #[serde(default)]
    #[schema(schema_with = expires_in'
  misbehaves forbidden-accepted expiresIn
fi

if change "a scheme that is read by its case"; then
  replace src/api/bearer.rs 'scheme.eq_ignore_ascii_case("bearer")' 'scheme == "Bearer"'
  misbehaves credentials-refused 'bearer SECRET'
fi

if change "a handler without the bearer check" always; then
  replace src/api/attachments/notify.rs 'let caller = bearer.authenticate(&**port).await?;' \
    'let _ = bearer; let caller = super::super::port::Caller { id: String::new(), bases: super::super::port::Bases::All };'
  misbehaves credentials-not-checked "POST /attachments/notify/{token}"
fi

if change "a problem with another status than its answer"; then
  replace src/api/problem.rs 'status: status.as_u16(),' 'status: 400,'
  misbehaves problem-status-differs "status"
fi

if change "an answer without a documented header"; then
  replace src/api/attachments/read.rs '            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))' ''
  misbehaves header-missing X-Content-Type-Options
fi

if change "a 405 that does not say what is allowed"; then
  replace src/api/problem.rs 'Ok(value) => problem.with_header(header::ALLOW, value),' 'Ok(_) => problem,'
  misbehaves header-missing Allow
fi

if change "a success that is not documented"; then
  replace src/api/attachments/open.rs 'HttpResponse::Found()' 'HttpResponse::SeeOther()'
  misbehaves status-not-documented 303
fi

if change "the framework's own 404"; then
  replace src/api/mod.rs '        .default_service(web::to(|| async { Err::<&str, _>(Problem::no_such_route()) }))' ''
  misbehaves error-not-documented 404
fi

if change "an enum that takes one more"; then
  replace src/api/attachments/signature.rs 'Whole::<1, { Self::MAX as u64 }>' 'Whole::<1, { Self::MAX as u64 + 1 }>'
  misbehaves forbidden-accepted 15
fi

if change "a number that is sent as a string"; then
  replace src/api/number.rs 'serializer.serialize_u64(self.0)' 'serializer.collect_str(&self.0)'
  misbehaves body-invalid size
fi

if change "a body of any length"; then
  replace src/api/json/mod.rs '.limit(limit)' '.limit(1 << 30)'
  misbehaves status-never-seen 413
fi

[ "$passed" -gt 0 ] || {
  echo "no change is called $selected" >&2
  exit 1
}
echo "drift: $passed changes refused, 0 failed"
