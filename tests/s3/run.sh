#!/usr/bin/env bash
# Drives the program over moto's S3 server. boto3 is the client: it signs URLs independently. moto
# verifies no signatures; tests/it/s3.rs has a store that does. URLs with the bucket in the host need
# DNS, and the program tries them when it starts: the unit tests compare those URLs with the published
# example and with another signer. BINARY names the program. tests/run.sh calls this. It needs curl,
# jq, node, python3 with venv and Chromium.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
repo=$(cd ../.. && pwd)
source "$repo/tests/lib.sh"
binary=$(program)
folder=$(mktemp -d)
# The log to be shown if something fails.
current=moto.log
running=()
finish() {
  [ ${#running[@]} = 0 ] || kill "${running[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -n 10 "$folder/$current" >&2 || true
  exit 1
}
passed=0
ok() {
  passed=$((passed + 1))
  echo "  $*"
}
# until_has FILE PATTERN: waits until a line of the file has it, for 30 seconds at most.
until_has() {
  for _ in $(seq 300); do
    grep -q "$2" "$1" 2>/dev/null && return
    sleep 0.1
  done
  fail "no $2 in $1"
}

venv=$(venv s3 requirements.txt)

# What of this machine's own would reach the store's clients instead.
unset "${!AWS_@}" "${!BACKEND_STORAGE_@}"
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export STORE_ACCESS_KEY=an-access-key STORE_SECRET_KEY=a/secret+key

"$venv/bin/moto_server" -H 127.0.0.1 -p 0 >"$folder/moto.log" 2>&1 &
running+=($!)
until_has "$folder/moto.log" 'Running on'
store=$(grep -o -m 1 'http://127\.0\.0\.1:[0-9]*' "$folder/moto.log")
# What moto does for the first time takes it a while on a busy machine, and the service waits two seconds for a store.
"$venv/bin/python" - "$store" <<'PYTHON' || fail "no buckets"
import os, sys
import boto3

keys = {"aws_access_key_id": os.environ["STORE_ACCESS_KEY"], "aws_secret_access_key": os.environ["STORE_SECRET_KEY"]}
store = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1", **keys)
for bucket in ["public", "private"]:
    store.create_bucket(Bucket=bucket)
    store.put_object(Bucket=bucket, Key="first", Body=b"")
    store.head_object(Bucket=bucket, Key="first")
    store.copy_object(Bucket=bucket, Key="second", CopySource=f"{bucket}/first")
    for key in ["first", "second"]:
        store.delete_object(Bucket=bucket, Key=key)
PYTHON

# between NAME ARGUMENT…: something in between that verifies signatures; sets BETWEEN.
between() {
  "$venv/bin/python" "$here/between.py" "${store#http://}" "${@:2}" >"$folder/$1.log" 2>&1 &
  running+=($!)
  until_has "$folder/$1.log" '^http'
  BETWEEN=$(head -n 1 "$folder/$1.log")
}

# start NAME GUARD VARIABLE…: a service that must say that it goes by the guard; sets ORIGIN. All have one registry, for a store belongs to one; the first
# makes the token, TOKEN.
start() {
  local name=$1 guard=$2
  shift 2
  current=$name/log
  mkdir "$folder/$name"
  (cd "$folder/$name" && exec env "$@" "$binary" --port 0 --data-dir "$folder/data" --log-format json >welcome 2>log) &
  running+=($!)
  until_has "$folder/$name/welcome" 'then notify'
  ORIGIN=http://$(sed -n '1s/.* listens on //p' "$folder/$name/welcome")
  TOKEN=${TOKEN:-$(grep -o -m 1 'tat_[0-9a-f_]*' "$folder/$name/welcome")}
  local tried
  tried=$(jq -c 'select(.message == "the object store was tried") | [.guard, .found, .checksums]' "$folder/$name/log")
  [ "$tried" = "[\"$guard\",\"if-none-match\",\"ignored\"]" ] || fail "$name: the start says $tried"
  ok "$name: the start says that it goes by $guard, and that the store knows if-none-match and ignores checksums"
}
# flow CLIENTS_STORE GUARD: the flow, against the service that was started last, whose clients meet the store there.
flow() {
  "$venv/bin/python" "$here/flow.py" "$ORIGIN" "$TOKEN" "$store" "$1" "$2" || fail "the flow"
  passed=$((passed + 1))
}
# upload NAME: from the command line, into NAME.json.
upload() {
  TEABLE_URL=$ORIGIN TEABLE_TOKEN=$TOKEN "$binary" upload --json "$repo/docs/swagger-ui.png" >"$folder/$1.json" 2>"$folder/$1.log" ||
    fail "upload: $(cat "$folder/$1.json" "$folder/$1.log")"
  curl -sS --fail-with-body "$(jq -r .stored.presignedUrl "$folder/$1.json")" | cmp - "$repo/docs/swagger-ui.png" || fail "other bytes"
}

echo "over another S3, $("$venv/bin/python" -c 'import boto3, moto; print(f"moto {moto.__version__} with boto3 {boto3.__version__}")')"
minio=(BACKEND_STORAGE_PROVIDER=minio BACKEND_STORAGE_MINIO_ENDPOINT=127.0.0.1 BACKEND_STORAGE_MINIO_USE_SSL=false
  "BACKEND_STORAGE_MINIO_ACCESS_KEY=$STORE_ACCESS_KEY" "BACKEND_STORAGE_MINIO_SECRET_KEY=$STORE_SECRET_KEY")
s3=(BACKEND_STORAGE_PROVIDER=s3 BACKEND_STORAGE_S3_FORCE_PATH_STYLE=true
  "BACKEND_STORAGE_S3_ACCESS_KEY=$STORE_ACCESS_KEY" "BACKEND_STORAGE_S3_SECRET_KEY=$STORE_SECRET_KEY")

start minio if-none-match "${minio[@]}" "BACKEND_STORAGE_MINIO_PORT=${store##*:}"
flow "$store" if-none-match
upload first
upload second
[ "$(jq -r .stored.token "$folder/first.json")" != "$(jq -r .stored.token "$folder/second.json")" ] || fail "one token"
ok "upload from the command line, twice: two files"

start s3 if-none-match "${s3[@]}" "BACKEND_STORAGE_S3_ENDPOINT=$store"
flow "$store" if-none-match

start staging staging "${s3[@]}" "BACKEND_STORAGE_S3_ENDPOINT=$store" BACKEND_STORAGE_OVERWRITE_GUARD=staging
flow "$store" staging
upload staged
ok "upload from the command line"

# moto verifies no signatures, but botocore can: everything goes past it, the service's own requests too.
between strict
for guard in if-none-match staging; do
  start "strict-$guard" "$guard" "${s3[@]}" "BACKEND_STORAGE_S3_ENDPOINT=$BETWEEN" "BACKEND_STORAGE_OVERWRITE_GUARD=$guard"
  upload "strict-$guard"
done
# At each start each bucket is tried with a header that is not signed.
[ "$(grep -c 'refused.*x-amz-copy-source' "$folder/strict.log")" = 4 ] || fail "$(grep refused "$folder/strict.log" | sort | uniq -c)"
if grep refused "$folder/strict.log" | grep -qv x-amz-copy-source; then fail "$(grep refused "$folder/strict.log" | sort | uniq -c)"; fi
for method in DELETE GET HEAD PUT; do
  grep -q "^$method 20" "$folder/strict.log" || fail "no $method"
done
ok "botocore takes all $(sed 1d "$folder/strict.log" | grep -vc refused) requests but the 4 that try it, the service's own and those of the upload from the command line"
page() {
  npm_packages "$repo/tests/browser"
  node page.mjs "$ORIGIN" "$TOKEN" "$BETWEEN" "$repo/docs/swagger-ui.png" "$repo/target/screenshots/s3" "$@" || fail "the upload page"
}
start page if-none-match "${s3[@]}" "BACKEND_STORAGE_S3_ENDPOINT=$BETWEEN"
page curl
ok "the upload page in Chromium, and the curl that it shows"

# Clients meet the store where answers are lost; the service itself reaches it elsewhere.
between lossy lose
start lossy if-none-match "${minio[@]}" "BACKEND_STORAGE_MINIO_PORT=${BETWEEN##*:}" \
  BACKEND_STORAGE_MINIO_INTERNAL_ENDPOINT=127.0.0.1 "BACKEND_STORAGE_MINIO_INTERNAL_PORT=${store##*:}"
upload again
[ "$(sed 1d "$folder/lossy.log" | paste -sd ,)" = 'PUT 200 lost,PUT 412,GET 200' ] || fail "otherwise: $(cat "$folder/lossy.log")"
ok "upload from the command line, when the store's first answer is lost and its second is 412"
page
[ "$(grep -c 'PUT 200 lost' "$folder/lossy.log") $(grep -c 'PUT 412' "$folder/lossy.log")" = '4 4' ] || fail "otherwise: $(cat "$folder/lossy.log")"
ok "the upload page in Chromium, likewise"

for log in "$folder"/*/log; do
  ! grep -qF -e "$STORE_SECRET_KEY" -e X-Amz-Signature "$log" || fail "$log holds a secret"
done
ok "no log holds the store's key, or a signed address"

echo "over another S3: $passed passed, 0 failed"
