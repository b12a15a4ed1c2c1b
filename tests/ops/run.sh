#!/usr/bin/env bash
# Checks ops/ with promtool: the rules and their tests, the example configuration, the queries of the
# dashboard, and /metrics of a running service. Debian's package of Prometheus has promtool. The script
# unpacks the package, because an installation would start a server. BINARY names the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
repo=$PWD
source tests/lib.sh
bin=$(program)
work=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill "$service"; rm -rf "$work"' EXIT
fail() { echo "ops: $*" >&2; exit 1; }

promtool=$(command -v promtool || echo "$PWD/target/promtool/usr/bin/promtool")
if [ ! -x "$promtool" ]; then
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -q
  (cd "$work" && apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb x)
  mkdir -p "$(dirname "$promtool")"
  mv "$work/x/usr/bin/promtool" "$promtool"
fi

"$promtool" check rules ops/prometheus/alerts.yaml
"$promtool" test rules ops/prometheus/alerts.test.yaml
"$promtool" check config ops/prometheus/prometheus.yaml
# An alert without a test might never fire.
for alert in $(sed -n 's/^ *- alert: //p' ops/prometheus/alerts.yaml); do
  grep -q "alertname: $alert\$" ops/prometheus/alerts.test.yaml || fail "$alert has no test"
done

# Grafana is in no Debian package. Its variables are replaced, and the queries are checked as rules.
python3 tests/ops/dashboard.py ops/grafana/teable-attachments.json >"$work/dashboard.yaml"
"$promtool" check rules "$work/dashboard.yaml"

(cd "$work" && exec env -i "$bin" --port 0 --metrics-address 127.0.0.1:0 >welcome 2>log) &
service=$!
for _ in $(seq 100); do
  grep -q 'then notify' "$work/welcome" && break
  kill -0 "$service" || fail "the service ended: $(cat "$work/log")"
  sleep 0.1
done
metrics=$(sed -n 's/^ *Metrics *//p' "$work/welcome")
origin=$(sed -n 's/^ *Docs *\(.*\)\/docs\/.*/\1/p' "$work/welcome")
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$origin/api/attachments/signature" -X POST)" = 401 ] || fail "a request without a token is refused"
curl -sSf "$metrics" >"$work/metrics"
"$promtool" check metrics <"$work/metrics"
grep -q '^attachments_refusals_total{code="unauthorized",operation="getSignature"} 1$' "$work/metrics" || fail "the refusal is not counted"
echo "ops: rules, configuration, dashboard and metrics are as Prometheus takes them"
