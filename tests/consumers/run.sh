#!/usr/bin/env bash
# Runs the tools of those who consume the contract against the program: linters, code samples,
# generated clients, a validating proxy, Schemathesis, and the commands of docs/contract-testing.md.
# BINARY names the program. LONG=1 has more cases of Schemathesis. tests/run.sh calls
# this. It needs curl, jq, node, python3 with venv, cargo and Chromium.
set -euo pipefail
cd "$(dirname "$0")"
tests=$(dirname "$PWD")
repo=$(dirname "$tests")
source "$repo/tests/lib.sh"
binary=$(program)
folder=$(mktemp -d)
running=()
finish() {
  [ ${#running[@]} = 0 ] || kill "${running[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
passed=0
# suite NAME COMMAND…: runs it, and counts it; a failure ends the run.
suite() {
  echo "-- $1"
  shift
  "$@" || { echo "FAILED: $*" >&2; exit 1; }
  passed=$((passed + 1))
}
# start NAME ARGUMENT…: a service on a folder of its own; sets ORIGIN and TOKEN.
start() {
  local name=$1
  shift
  mkdir "$folder/$name"
  (cd "$folder/$name" && exec "$binary" --log warn "$@" >welcome 2>log) &
  running+=($!)
  for _ in $(seq 100); do
    grep -q 'then notify' "$folder/$name/welcome" 2>/dev/null && break
    sleep 0.1
  done
  ORIGIN=http://$(sed -n '1s/.* listens on //p' "$folder/$name/welcome")
  TOKEN=$(grep -o 'tat_[0-9a-f_]*' "$folder/$name/welcome" | head -n 1)
}
listens() {
  for _ in $(seq 300); do
    curl -s -o "$folder/ignored" "$1" && return
    sleep 0.1
  done
  return 1
}

npm_packages "$tests/consumers" "$tests/browser" "$tests/clients/typescript"
venv=$(venv consumers requirements.txt)
export PATH=$venv/bin:$PATH

start service --port 0
photo=$repo/docs/swagger-ui.png
document=$folder/openapi.json
curl -sS --fail "$ORIGIN/openapi.json" -o "$document"
echo "consumers, against $ORIGIN"

mkdir "$folder/documents"
suite "linters and differences" node lint.mjs "$ORIGIN" "$folder/documents" "$tests/it/published/post-attachments-signature.json"

suite "code samples" env PYTHON="$venv/bin/python" node "$tests/browser/samples.mjs" "$ORIGIN" "$TOKEN" "$repo/target/screenshots/samples"

typescript() {
  cp -r "$tests/clients/typescript" "$folder/typescript"
  cd "$folder/typescript"
  node generate.mjs "$document" api.ts
  node_modules/.bin/tsc
  node flow.js "$ORIGIN" "$TOKEN" "$photo"
}
suite "typescript client" eval "(set -e; typescript)"

python() {
  cp -r "$tests/clients/python" "$folder/python"
  cd "$folder/python"
  openapi-python-client generate --path "$document" --output-path generated --meta none >generated.log 2>&1
  # Of the two types of a request's body it knows one, which is enough.
  [ "$(grep -c WARNING generated.log)" = "$(grep -c 'Unsupported content type \*/\*' generated.log)" ] || {
    cat generated.log
    return 1
  }
  mypy --config-file mypy.ini flow.py generated
  command python flow.py "$ORIGIN" "$TOKEN" "$photo"
}
suite "python client" eval "(set -e; python)"

rust() {
  cd "$tests/clients/rust"
  export OPENAPI=$document CARGO_TARGET_DIR=$repo/target/clients
  cargo build --locked --quiet
  "$CARGO_TARGET_DIR/debug/generated-client" "$ORIGIN" "$TOKEN" "$photo"
}
suite "rust client" eval "(set -e; rust)"

prism() (
  start proxied --port 0 --public-origin http://127.0.0.1:4011
  # The whole paths, because the addresses in the answers are to lead through Prism too.
  jq 'del(.servers) | .paths |= with_entries(.key |= "/api" + .)' "$document" >"$folder/whole-paths.json"
  node_modules/.bin/prism proxy "$folder/whole-paths.json" "$ORIGIN" --errors --port 4011 >"$folder/prism.log" 2>&1 &
  running=("${running[-1]}" $!)
  trap 'kill "${running[@]}"; wait 2>/dev/null' EXIT
  listens http://127.0.0.1:4011/ && node prism.mjs http://127.0.0.1:4011 "$TOKEN"
)
suite "the flow through a validating proxy" prism

schemathesis() {
  export TOKEN SCHEMATHESIS_HOOKS=schemathesis_hooks PYTHONPATH=$repo/docs/contract-testing
  cd "$folder"
  local settings=$repo/docs/contract-testing/schemathesis.toml examples=50 walks=150
  [ -z "${LONG:-}" ] || examples=300 walks=300
  local common=(--url "$ORIGIN/api" -H "Authorization: Bearer $TOKEN" --checks all --mode all --continue-on-failure --no-color)
  st --config-file "$settings" run "$document" "${common[@]}" --max-examples "$examples" --report ndjson --report-ndjson-path all.ndjson >all.log || {
    cat all.log
    return 1
  }
  # It takes `baseId` for the id of something that another operation makes, and would begin its walks at the upload.
  jq 'del(.components.schemas.SignatureRo.properties.baseId)' "$document" >walk.json
  st --config-file "$settings" run walk.json "${common[@]}" --phases stateful --max-examples "$walks" --report ndjson --report-ndjson-path walk.ndjson >walk.log || {
    cat walk.log
    return 1
  }
  command python "$tests/consumers/schemathesis_report.py" "$document" all.ndjson walk.ndjson
}
suite "schemathesis" eval "(set -e; schemathesis)"

# The commands of the guide, as they stand, in a folder as another team would have it.
guide() {
  mkdir -p "$folder/guide/docs"
  cp -r "$repo/docs/contract-testing" "$folder/guide/docs/"
  cd "$folder/guide"
  awk '/^<!-- run -->$/ {run = 1; next} /^```$/ && block {block = run = 0; print ""; next} /^```sh$/ && run {block = 1; next} block' \
    "$repo/docs/contract-testing.md" |
    sed -e "s|^ORIGIN=.*|ORIGIN=$ORIGIN|" -e "s|^TOKEN=.*|TOKEN=$TOKEN|" >guide.sh
  [ "$(grep -c . guide.sh)" -gt 20 ]
  bash -euo pipefail guide.sh >guide.log 2>&1 || {
    cat guide.log
    return 1
  }
  echo "guide: $(grep -cE '^[a-z.]' guide.sh) commands passed"
}
suite "docs/contract-testing.md" eval "(set -e; guide)"

! grep -qF "${TOKEN:17}" "$folder/service/log" || { echo "FAILED: the log holds the token" >&2; exit 1; }
echo "consumers: $passed suites passed, 0 failed"
