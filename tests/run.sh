#!/usr/bin/env bash
# Every tier of tests, on a fresh Debian machine with Rust. Installs what they need: packages as root, tools by cargo, npm
# packages by `npm ci`. A tier that cannot run fails.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
tier() { printf '\n== %s (%s)\n' "$*" "$(date -u +%H:%M:%S)"; }

tier "what the tests need"
needed=()
for command in chromium curl jq node npm python3; do
  command -v "$command" >/dev/null || needed+=("${command/#node/nodejs}")
done
if [ ${#needed[@]} -gt 0 ]; then
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -q
  $sudo apt-get install -q -y --no-install-recommends "${needed[@]}"
fi

tier "format"
cargo fmt --all --check

tier "lints"
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

tier "tests"
cargo test --workspace --all-features --locked -- --nocapture

tier "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

tier "dependencies"
command -v cargo-deny >/dev/null || cargo install --locked --quiet cargo-deny
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
cargo build --release --locked
tests/e2e/run.sh

tier "done"
