#!/usr/bin/env bash
# In a copy of the repository, each of these departures makes `cargo build` fail, with a finding at the line where it is.
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
# Not the repository's own: cargo would take the copy's outputs for the repository's.
export CARGO_TARGET_DIR=$repo/target/drift CARGO_TERM_COLOR=never CARGO_PROFILE_DEV_DEBUG=0
spec=openapi/attachments.yaml
passed=0

fresh() {
  rm -rf "${copy:?}"/*
  (cd "$repo" && tar -c --exclude=./target --exclude=./data --exclude=./.git --exclude=node_modules .) | tar -x -C "$copy"
  # What a departure changed is older again, and cargo looks at the time alone.
  find "$copy/src" "$copy/openapi" "$copy/build.rs" -type f -exec touch {} +
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
(cd "$copy" && cargo build --locked --quiet) || { echo "FAILED: the untouched copy does not build" >&2; exit 1; }

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
sed -i 's/status = 201, description = "return the upload/status = 200, description = "return the upload/' \
  "$copy/src/api/attachments/signature.rs"
refused "a handler with another status" "$(line "^        '201':")" 201

fresh
perl -0pi -e 's/^      security:\n.*\n//m' "$copy/$spec"
refused "security dropped from an operation" "$(line '^    post:$')" security

# From here on both documents agree, and the handlers do something else.

# change FILE FROM TO: replaces the first FROM, which must be there, with TO.
change() {
  FROM=$2 TO=$3 perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/ or die "not there: $ENV{FROM}\n"' "$copy/src/api/$1"
}

# misbehaves NAME KIND TEXT: the copy does not build, and says so by a finding of that kind that has that text.
misbehaves() {
  if (cd "$copy" && cargo build --locked >build.log 2>&1); then
    echo "FAILED: $1: it builds" >&2
    exit 1
  fi
  if ! grep -F "error[contract::$2]: " "$copy/build.log" | grep -qF -- "$3"; then
    echo "FAILED: $1: no contract::$2 with: $3" >&2
    cat "$copy/build.log" >&2
    exit 1
  fi
  passed=$((passed + 1))
  sed -n '/^  --- stderr$/,$p' "$copy/build.log" | sed '1d; s/^  //' >"$reports/$passed.txt"
  echo "  $1: $(grep -F "error[contract::$2]: " "$copy/build.log" | grep -F -- "$3" | head -n 1 | sed 's/^ *//' | cut -c1-200)"
}

reports=$repo/target/drift-reports
rm -rf "$reports"
mkdir -p "$reports"

fresh
change attachments/notify.rs 'length(max = LABEL.max)' 'length(max = 254)'
misbehaves "a validator that is stricter than its schema" allowed-refused filename

fresh
change attachments/signature.rs '    #[serde(default, deserialize_with = "json::present")]
    #[schema(schema_with = expires_in' '    #[serde(default)]
    #[schema(schema_with = expires_in'
misbehaves "an option that takes null" forbidden-accepted expiresIn

fresh
change bearer.rs 'scheme.eq_ignore_ascii_case("bearer")' 'scheme == "Bearer"'
misbehaves "a scheme that is read by its case" credentials-refused 'bearer SECRET'

fresh
change attachments/notify.rs 'let caller = bearer.authenticate(&**port).await?;' \
  'let _ = bearer; let caller = super::super::port::Caller { id: String::new(), bases: super::super::port::Bases::All };'
misbehaves "a handler without the bearer check" credentials-not-checked "POST /attachments/notify/{token}"

fresh
change problem.rs 'status: status.as_u16(),' 'status: 400,'
misbehaves "a problem with another status than its answer" problem-status-differs "status"

fresh
change attachments/read.rs '            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))' ''
misbehaves "an answer without a documented header" header-missing X-Content-Type-Options

fresh
change problem.rs 'Ok(value) => problem.with_header(header::ALLOW, value),' 'Ok(_) => problem,'
misbehaves "a 405 that does not say what is allowed" header-missing Allow

fresh
change attachments/open.rs 'HttpResponse::Found()' 'HttpResponse::SeeOther()'
misbehaves "a success that is not documented" status-not-documented 303

fresh
change mod.rs '        .default_service(web::to(|| async { Err::<&str, _>(Problem::no_such_route()) }))' ''
misbehaves "the framework's own 404" error-not-documented 404

fresh
change attachments/signature.rs 'Whole::<1, { Self::MAX as u64 }>' 'Whole::<1, { Self::MAX as u64 + 1 }>'
misbehaves "an enum that takes one more" forbidden-accepted 15

fresh
change number.rs 'serializer.serialize_u64(self.0)' 'serializer.collect_str(&self.0)'
misbehaves "a number that is sent as a string" body-invalid size

fresh
change json/mod.rs '.limit(limit)' '.limit(1 << 30)'
misbehaves "a body of any length" status-never-seen 413

echo "drift: $passed departures refused, 0 failed"
