#!/usr/bin/env bash
# Drives the program from outside, on an empty folder: the README's own commands, files of all sizes,
# Teable's own client, every page in a browser, the command line over TLS. BINARY names the program.
# tests/run.sh calls this. It needs curl, jq, man, node, openssl, python3 and Chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."
repo=$PWD
source tests/lib.sh
binary=$(program)
folder=$(mktemp -d)
service=
others=()
finish() {
  kill $service "${others[@]}" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -n 20 "$folder/log" >&2
  exit 1
}
passed=0
ok() {
  passed=$((passed + 1))
  echo "  $*"
}

cd "$folder"
"$binary" --port 0 >welcome 2>log &
service=$!
for _ in $(seq 100); do
  grep -q 'then notify' welcome && break
  sleep 0.1
done
ORIGIN=http://$(sed -n '1s/.* listens on //p' welcome)
TOKEN=$(grep -o 'tat_[0-9a-f_]*' welcome | head -n 1)
API=$ORIGIN/api
[ -n "$TOKEN" ] || fail "no welcome"

echo "end to end, against $ORIGIN"

bash -c "$(sed -n '/^  curl/,/^$/p' welcome)" >signed.json
[ "$(jq -r .uploadMethod signed.json)" = PUT ] || fail "the welcome's command: $(cat signed.json)"
ok "the command that the first start prints works as pasted"

published='{"contentType":"image/png","contentLength":123,"expiresIn":3600,"hash":"xxxxxxxx","type":1,"baseId":"string"}'
status=$(curl -sS -o signed.json -w '%{http_code}' "$API/attachments/signature" -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' -d "$published")
[ "$status $(jq -c 'keys' signed.json)" = '201 ["requestHeaders","token","uploadMethod","url"]' ] ||
  fail "the published request: $status $(cat signed.json)"
ok "the published request is answered 201 with exactly the published properties"

# The README's flow, as it stands there.
awk '/<!-- flow -->/ {flow = 1; next} flow && /^```$/ {exit} flow && !/^```/' "$repo/README.md" >flow.sh
[ -s flow.sh ] || fail "the README has no flow"
sed -i -e "s|^API=.*|API=$API|" -e "s|^TOKEN=.*|TOKEN=$TOKEN|" -e "s|^FILE=.*|FILE=$repo/docs/swagger-ui.png|" flow.sh
bash -euo pipefail flow.sh >flow.out || fail "the README's flow: $(cat flow.out)"
grep -q equal flow.out || fail "the README's flow: $(cat flow.out)"
ok "the README's flow works as it stands"

# flow FILE TYPE NAME [TYPE NUMBER]: signature, upload, notify, read; the answer to notify is left in stored.json.
flow() {
  local file=$1 type=$2 name=$3 number=${4:-1}
  jq -n --arg type "$type" --argjson size "$(stat -c %s "$file")" --argjson number "$number" \
    '{contentType: $type, contentLength: $size, type: $number}' |
    curl -sS --fail-with-body "$API/attachments/signature" -H "Authorization: Bearer $TOKEN" \
      -H 'Content-Type: application/json' -d @- >signed.json
  curl -sS --fail-with-body -T "$file" -H "Content-Type: $type" "$(jq -r .url signed.json)"
  curl -sS --fail-with-body -X POST -H "Authorization: Bearer $TOKEN" \
    "$API/attachments/notify/$(jq -r .token signed.json)?filename=$(jq -rn --arg name "$name" '$name | @uri')" >stored.json
  curl -sS --fail-with-body -D headers "$(jq -r .presignedUrl stored.json)" | cmp - "$file"
}

python3 - <<'PYTHON'
import os, struct, zlib
width, height = 1500, 1200
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
pixels = zlib.compress(b"".join(b"\0" + os.urandom(width * 3) for _ in range(height)), 0)
with open("photo.png", "wb") as image:
    image.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
    image.write(chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
PYTHON
flow photo.png image/png photo.png || fail "a large image"
[ "$(jq -c '[.width, .height]' stored.json)" = '[1500,1200]' ] || fail "width and height: $(cat stored.json)"
ok "an image of $(stat -c %s photo.png) bytes, with its width and height"

: >empty.txt
flow empty.txt text/plain empty.txt || fail "an empty file"
ok "a file of 0 bytes"

name='Übung "ß" 图.pdf'
printf '%%PDF-1.7\n' >"$name"
flow "$name" application/pdf "$name" || fail "a name"
grep -qF "filename*=UTF-8''%C3%9Cbung%20%22%C3%9F%22%20%E5%9B%BE.pdf" headers || fail "the name is lost: $(cat headers)"
ok "a file named $name"

peak() { awk '/^VmHWM/ {print $2}' "/proc/$service/status"; }
# Two small files first, so that what a first request costs is not counted.
flow photo.png image/png photo.png && flow photo.png image/png photo.png
before=$(peak)
mebibytes=256
[ -z "${LONG:-}" ] || mebibytes=2048
truncate -s "${mebibytes}M" large.bin
# Not only zeros: a block of random bytes at every 64 MiB.
for at in $(seq 0 64 $((mebibytes - 1))); do
  dd if=/dev/urandom of=large.bin bs=1M count=1 seek="$at" conv=notrunc status=none
done
flow large.bin application/octet-stream large.bin || fail "a file of $mebibytes MiB"
raised=$(($(peak) - before))
[ "$raised" -lt 20480 ] || fail "$mebibytes MiB raised the memory by $raised KiB"
rm large.bin
ok "a file of $mebibytes MiB; it raised the peak of memory by $raised KiB"

npm_packages "$repo/tests/e2e/teable-client" "$repo/tests/browser"
(cd "$repo/tests/e2e/teable-client" && node flow.mjs "$ORIGIN" "$TOKEN" "$folder/photo.png") ||
  fail "Teable's client"
ok "Teable's published client"

shots=$repo/target/screenshots
rm -rf "$shots"
(cd "$repo/tests/browser" && node docs.mjs "$ORIGIN" "$TOKEN" "$folder/photo.png" "$shots/docs") || fail "the Swagger UI"
ok "the whole flow in the Swagger UI, in Chromium"
(cd "$repo/tests/browser" && node try.mjs "$ORIGIN" "$TOKEN" "$folder/photo.png" "$shots/try") || fail "the upload page"
ok "the upload page: files dropped, refused, tried again; the keyboard alone, on a phone"
(cd "$repo/tests/browser" && node look.mjs "$ORIGIN" "$shots/look") || fail "how the pages look"
ok "every page in both themes, on a screen and on a phone, without a serious finding of axe"

(cd "$repo/tests/browser" && node active.mjs "$ORIGIN" "$TOKEN") || fail "active content"
ok "nothing that was uploaded runs in Chromium"

(cd "$repo/tests/browser" && node uploaded.mjs "$ORIGIN" "$TOKEN") || fail "uploaded scripts"
ok "no page of ours takes what was uploaded for a script, a style or a worker"

link=$("$binary" upload --url "$ORIGIN" --token "$TOKEN" photo.png)
curl -sS --fail-with-body "$link" | cmp - photo.png || fail "upload"
ok "upload from the command line"
# The same over TLS, to a certificate that this computer trusts, and not to one that it doesn't.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -keyout key.pem -out certificate.pem 2>openssl.log || fail "$(cat openssl.log)"
mkdir secure
(cd secure && exec "$binary" --port 0 --public-origin https://localhost:4443 >welcome 2>log) &
others+=($!)
for _ in $(seq 100); do
  grep -q 'then notify' secure/welcome 2>/dev/null && break
  sleep 0.1
done
python3 "$repo/tests/e2e/tls.py" certificate.pem key.pem 4443 "$(sed -n '1s/.*://p' secure/welcome)" >tls.log 2>&1 &
others+=($!)
for _ in $(seq 100); do
  grep -q listens tls.log 2>/dev/null && break
  sleep 0.1
done
secure() { "$binary" upload --url https://localhost:4443 --token "$(grep -o 'tat_[0-9a-f_]*' secure/welcome | head -n 1)" --retries 0 photo.png; }
link=$(SSL_CERT_FILE=$PWD/certificate.pem secure) || fail "upload over TLS"
curl -sS --fail-with-body --cacert certificate.pem "$link" | cmp - photo.png || fail "upload over TLS"
status=0
secure >refused 2>&1 || status=$?
[ "$status" = 4 ] && grep -qi certificate refused || fail "a certificate that nobody trusts: $status $(cat refused)"
ok "upload over TLS, to a certificate that is trusted and to no other"

"$binary" man upload | MANWIDTH=90 man --warnings=w -l - >manual 2>complaints || fail "the manual: $(cat complaints)"
[ -s complaints ] && fail "the manual: $(cat complaints)"
grep -q 'server refused a file' manual || fail "the manual says no exit codes"
ok "a page of the manual, as man shows it"

! grep -qF "${TOKEN:17}" log || fail "the log holds the token"
kill "$service"
wait "$service" || fail "it did not stop well"
service=
# For tests/secrets.sh.
evidence=$repo/target/tmp/evidence
mkdir -p "$evidence"
for started in . secure; do
  printf 'access\t%s\nkey\t%s\n' "$(grep -o 'tat_[0-9a-f_]*' $started/welcome | head -n 1 | cut -c 18-)" "$(cat $started/data/signing-key)" >>"$evidence/secrets"
  cat $started/log >>"$evidence/logs"
done
ok "it stops well"

echo "end to end: $passed passed, 0 failed"
