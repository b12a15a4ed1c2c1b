#!/usr/bin/env bash
# The release binary over an S3 that is not ours: moto's server, with boto3 as the client that signs independently. moto verifies no signatures,
# so what a store refuses is shown in tests/it/s3.rs. Addresses with the bucket in their host need a DNS, for the start tries the store there:
# those are held against the published example and another signer by the unit tests. tests/run.sh calls this; it needs a built release, curl, jq,
# and python3 with venv.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
repo=$(cd ../.. && pwd)
binary=$repo/target/release/teable-attachments
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

[ -x "$binary" ] || fail "there is no $binary"
# An environment is kept as long as it is the one that is wanted.
venv=$repo/target/s3-venv
if ! cmp -s requirements.txt "$venv/requirements.txt" || ! "$venv/bin/python" -c 'import boto3, moto.server' 2>/dev/null; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir -r requirements.txt
  cp requirements.txt "$venv/"
fi

# What of this machine's own would reach the store's clients instead.
unset "${!AWS_@}" "${!BACKEND_STORAGE_@}"
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export STORE_ACCESS_KEY=an-access-key STORE_SECRET_KEY=a/secret+key

"$venv/bin/moto_server" -H 127.0.0.1 -p 0 >"$folder/moto.log" 2>&1 &
running+=($!)
until_has "$folder/moto.log" 'Running on'
store=$(grep -o -m 1 'http://127\.0\.0\.1:[0-9]*' "$folder/moto.log")
for bucket in public private; do
  curl -sS --fail-with-body -o "$folder/ignored" -X PUT "$store/$bucket" || fail "no bucket"
done
"$venv/bin/python" lossy.py "${store#http://}" >"$folder/lossy.log" 2>&1 &
running+=($!)
until_has "$folder/lossy.log" '^http'
lossy=$(head -n 1 "$folder/lossy.log")

# start NAME GUARD FIXED VARIABLE…: a service on a folder of its own, which must say that it goes by the guard; sets ORIGIN and TOKEN.
start() {
  local name=$1 found=$2 fixed=$3
  shift 3
  current=$name/log
  mkdir "$folder/$name"
  (cd "$folder/$name" && exec env "$@" "$binary" --port 0 --log-format json >welcome 2>log) &
  running+=($!)
  until_has "$folder/$name/welcome" 'then notify'
  ORIGIN=http://$(sed -n '1s/.* listens on //p' "$folder/$name/welcome")
  TOKEN=$(grep -o -m 1 'tat_[0-9a-f_]*' "$folder/$name/welcome")
  local tried
  tried=$(jq -c 'select(.message == "the object store was tried") | [.guard, .checksums, .fixed]' "$folder/$name/log")
  [ "$tried" = "[\"$found\",\"ignored\",$fixed]" ] || fail "$name: the start says $tried"
  ok "$name: the start says that the store knows $found and ignores checksums"
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

start minio if-none-match false "${minio[@]}" "BACKEND_STORAGE_MINIO_PORT=${store##*:}"
flow "$store" if-none-match
upload first
upload second
[ "$(jq -r .stored.token "$folder/first.json")" != "$(jq -r .stored.token "$folder/second.json")" ] || fail "one token"
ok "upload from the command line, twice: two files"

start s3 if-none-match false "${s3[@]}" "BACKEND_STORAGE_S3_ENDPOINT=$store"
flow "$store" if-none-match

start staging if-none-match true "${s3[@]}" "BACKEND_STORAGE_S3_ENDPOINT=$store" BACKEND_STORAGE_OVERWRITE_GUARD=staging
flow "$store" staging
upload staged
ok "upload from the command line"

# Clients meet the store where answers are lost; the service itself reaches it elsewhere.
start lossy if-none-match false "${minio[@]}" "BACKEND_STORAGE_MINIO_PORT=${lossy##*:}" \
  BACKEND_STORAGE_MINIO_INTERNAL_ENDPOINT=127.0.0.1 "BACKEND_STORAGE_MINIO_INTERNAL_PORT=${store##*:}"
upload again
[ "$(sed 1d "$folder/lossy.log" | paste -sd ' ')" = '200 lost 412 told' ] || fail "the store answered otherwise"
ok "upload from the command line, when the store's answer is lost and its second is 412"

for log in "$folder"/*/log; do
  ! grep -qF -e "$STORE_SECRET_KEY" -e X-Amz-Signature "$log" || fail "$log holds a secret"
done
ok "no log holds the store's key, or a signed address"

echo "over another S3: $passed passed, 0 failed"
