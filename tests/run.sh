#!/usr/bin/env bash
# Every tier of tests, on a fresh Debian machine with Rust. Installs what they need: packages as root, tools by cargo, npm
# packages by `npm ci`. A tier that cannot run fails.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

# Each tier is named when it begins. At the end, also that of a tier that fails, a table has the
# duration of each.
tier_name=
tier_began=0
durations=()
tier() {
  [ -z "$tier_name" ] || durations+=("$(printf '%5d s  %s' $((SECONDS - tier_began)) "$tier_name")")
  tier_name=$*
  tier_began=$SECONDS
  printf '\n== %s (%s)\n' "$*" "$(date -u +%H:%M:%S)"
}
summary() {
  tier "durations"
  printf '%s\n' "${durations[@]}" "$(printf '%5d s  all' "$SECONDS")"
}
trap summary EXIT

tier "what the tests need"
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
# The package of a command.
package() {
  case $1 in
  dpkg-shlibdeps) echo dpkg-dev ;;
  man) echo man-db ;;
  node) echo nodejs ;;
  systemd-analyze) echo systemd ;;
  systemd-nspawn) echo systemd-container ;;
  xz) echo xz-utils ;;
  *) echo "$1" ;;
  esac
}
needed=()
for command in chromium curl dpkg-shlibdeps g++ jq lintian man node npm openssl python3 systemd-analyze systemd-nspawn xz; do
  command -v "$command" >/dev/null || needed+=("$(package "$command")")
done
# Debian keeps the server's programs off the path. The tests start a server of their own.
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || needed+=(postgresql)
# A library, which is found where Debian puts it.
compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || needed+=(faketime)
if [ ${#needed[@]} -gt 0 ]; then
  $sudo apt-get update -q
  $sudo apt-get install -q -y --no-install-recommends "${needed[@]}"
fi

# Redocly's linter is the most demanding.
node --eval 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' || {
  echo "the tests need Node.js 20.19 or later, as Debian 13 has it; this is $(node --version)" >&2
  exit 1
}
python3 -c 'import ensurepip' 2>/dev/null || { $sudo apt-get update -q && $sudo apt-get install -q -y --no-install-recommends python3-venv; }

tier "format"
cargo fmt --all --check
# Their own lock files are read much later otherwise.
for manifest in fuzz/Cargo.toml tests/clients/rust/Cargo.toml; do
  cargo metadata --locked --format-version 1 --manifest-path "$manifest" >/dev/null
done

tier "lints"
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
# A target that `cargo test` leaves out is none of all targets.
cargo clippy --workspace --test faults --all-features --locked -- -D warnings

tier "tests"
# What an earlier run has left for the last tier.
rm -rf "${CARGO_TARGET_DIR:-target}/tmp/evidence"
cargo test --workspace --all-features --locked -- --nocapture

tier "faults"
# FAULTS_KILLS=200 kills five times as often. FAULTS_SEED=NUMBER has the same kills again, as far as a
# machine can.
cargo test --workspace --test faults --all-features --locked

tier "fuzzing"
tests/fuzz.sh

tier "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

tier "release"
# The last steps of a release keep one core busy. What later tiers need of tools is made beside it.
tools() {
  command -v cargo-deny >/dev/null || cargo install --locked --quiet cargo-deny
  # It compresses with the system's xz.
  command -v cargo-deb >/dev/null || cargo install --locked --quiet --no-default-features cargo-deb
  command -v cargo-cyclonedx >/dev/null || cargo install --locked --quiet cargo-cyclonedx
}
tools &
cargo build --release --locked
wait $!

tier "dependencies"
cargo deny --all-features check --hide-inclusion-graph licenses bans sources
# The database of advisories is a git repository, which not every machine reaches.
if cargo deny fetch db; then
  cargo deny --all-features check advisories
else
  echo "advisories: the database cannot be had from here, and was not asked"
fi

tier "drift"
tests/drift.sh

tier "drifts of another app"
tests/contract/run.sh

tier "stubs"
tests/stub/run.sh

tier "end to end"
tests/e2e/run.sh

tier "package"
tests/deb/run.sh

tier "operations"
tests/ops/run.sh

tier "over another S3"
tests/s3/run.sh

tier "consumers"
tests/consumers/run.sh

tier "secrets"
tests/secrets.sh
