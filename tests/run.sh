#!/usr/bin/env bash
# tests/run.sh [--long] [TIER…]: runs the tests, on a fresh Debian machine with Rust. It installs what
# they need: Debian packages as root; npm and Python packages and prebuilt tools in node_modules and
# target/venv. It prints the duration of each tier. A tier that cannot run fails.
#
# --long runs each tier in its long form, against the program that is packaged, and adds two tiers:
# fuzzing, and the Debian package. docs/development.md has a table of the tiers. --list prints their
# names.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
source tests/lib.sh
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
# The drift tiers share the dependencies that the tiers before them compile. All tiers ask for the
# same features: those of the tests.
features=(--workspace --all-features --locked)

tiers=(format lints docs dependencies tests drift example-drifts stubs e2e packaging operations s3 consumers secrets)
long_tiers=(fuzzing package)

format() {
  cargo fmt --all --check
  # The other workspaces' lock files are up to date.
  local manifest
  for manifest in fuzz/Cargo.toml tests/clients/rust/Cargo.toml; do
    cargo metadata --locked --format-version 1 --manifest-path "$manifest" >/dev/null
  done
}

lints() {
  cargo clippy "${features[@]}" --all-targets -- -D warnings
}

docs() {
  # --examples has no examples to document. It asks for the features of the tests, so that cargo
  # uses what clippy has compiled.
  RUSTDOCFLAGS="-D warnings" cargo doc "${features[@]}" --no-deps --lib --examples
}

dependencies() {
  use_tools
  cargo deny --all-features check --hide-inclusion-graph licenses bans sources
  # The database of advisories is a git repository, which not every machine reaches.
  if cargo deny fetch db; then
    cargo deny --all-features check advisories
  else
    echo "advisories: the database cannot be reached from here; they were not checked"
  fi
}

# Unit, property and integration tests, the mutation test of the contract check, and tests/faults.
tests() {
  # Secrets and logs of an earlier run, which the tier `secrets` would read.
  rm -rf "${CARGO_TARGET_DIR:-target}/tmp/evidence"
  # `cargo test` has no timeout of its own. libtest names a test that runs for a minute.
  timeout --foreground 30m cargo test "${features[@]}" -- --nocapture
}

drift() { tests/drift.sh ${LONG:+--all}; }
example-drifts() { tests/contract/run.sh; }
stubs() { tests/stub/run.sh; }

fuzzing() {
  use_tools
  tests/fuzz.sh
}

e2e() { with_program tests/e2e/run.sh; }
packaging() { with_program tests/packaging.sh; }
operations() { with_program tests/ops/run.sh; }
s3() { with_program tests/s3/run.sh; }
consumers() { with_program tests/consumers/run.sh; }
secrets() { tests/secrets.sh; }

package() {
  command -v cargo-deb >/dev/null || cargo install --locked --quiet --no-default-features cargo-deb
  command -v cargo-cyclonedx >/dev/null || cargo install --locked --quiet cargo-cyclonedx
  with_program tests/deb/run.sh
}

# with_program SCRIPT: builds the program that the script tests, and runs the script.
with_program() {
  if [ -n "${LONG:-}" ]; then
    cargo build --profile dist --locked
    BINARY=$repo/target/dist/teable-attachments "$1"
  else
    # `cargo build` would compile it again, without the features of the tests.
    cargo test "${features[@]}" --no-run
    BINARY=$repo/target/debug/teable-attachments "$1"
  fi
}

# use_tools: puts prebuilt cargo tools on the path. tests/tools.txt has their versions and hashes.
use_tools() {
  local folder
  folder=$(venv tools tests/tools.txt)
  export PATH=$folder/bin:$PATH
}

# The Debian package of a command.
package_of() {
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

install_packages() {
  local commands=(chromium curl g++ git jq man node npm openssl python3 systemd-analyze) needed=() command sudo=
  [ -z "${LONG:-}" ] || commands+=(dpkg-shlibdeps lintian systemd-nspawn xz)
  [ "$(id -u)" = 0 ] || sudo=sudo
  for command in "${commands[@]}"; do
    command -v "$command" >/dev/null || needed+=("$(package_of "$command")")
  done
  # Debian keeps the server's programs off the path. The tests start a server of their own.
  compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || needed+=(postgresql)
  # A library, which is found where Debian puts it.
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || needed+=(faketime)
  python3 -c 'import ensurepip' 2>/dev/null || needed+=(python3-venv)
  if [ ${#needed[@]} -gt 0 ]; then
    $sudo apt-get update -q
    $sudo apt-get install -q -y --no-install-recommends "${needed[@]}"
  fi
  # Redocly's linter has the highest requirement.
  node --eval 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' || {
    echo "the tests need Node.js 20.19 or later, as Debian 13 has it; this is $(node --version)" >&2
    exit 1
  }
}

# Each tier is named when it begins. At the end, also that of a tier that fails, a table has the
# duration of each.
current=
began=0
durations=()
begin() {
  [ -z "$current" ] || durations+=("$(printf '%5d s  %s' $((SECONDS - began)) "$current")")
  current=$1
  began=$SECONDS
  printf '\n== %s (%s)\n' "$1" "$(date -u +%H:%M:%S)"
}
summary() {
  begin durations
  printf '%s\n' "${durations[@]}" "$(printf '%5d s  all' "$SECONDS")"
}

wanted=()
for argument in "$@"; do
  case " --long --list ${tiers[*]} ${long_tiers[*]} " in
  *" $argument "*) ;;
  *)
    echo "no tier is called $argument; the tiers are ${tiers[*]}, and with --long also ${long_tiers[*]}" >&2
    exit 2
    ;;
  esac
  case $argument in
  --long) export LONG=1 FAULTS_KILLS=${FAULTS_KILLS:-200} ;;
  --list)
    printf '%s\n' "${tiers[@]}" "${long_tiers[@]}"
    exit
    ;;
  *) wanted+=("$argument") ;;
  esac
done
if [ ${#wanted[@]} = 0 ]; then
  wanted=("${tiers[@]}")
  [ -z "${LONG:-}" ] || wanted+=("${long_tiers[@]}")
fi

trap summary EXIT
begin packages
install_packages
for tier in "${wanted[@]}"; do
  begin "$tier"
  "$tier"
done
