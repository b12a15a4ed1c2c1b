#!/usr/bin/env bash
# tests/fuzz.sh [SECONDS [TARGET...]]: runs libFuzzer on the code that reads bytes of strangers, for 10
# seconds per target by default. It starts from the committed inputs in fuzz/corpus. Inputs that it
# finds stay in target/. An input that breaks a target is left in fuzz/artifacts; commit it to the
# corpus with the fix. `cargo test corpus` replays the corpus. tests/run.sh --long calls this. It needs a
# C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-10}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(find fuzz/fuzz_targets -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' | sort)
command -v cargo-fuzz >/dev/null || cargo install --locked --quiet cargo-fuzz
place=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
# Without a sanitizer a stable compiler does; with `unsafe` forbidden, what it would look for is not ours.
cargo fetch --quiet --locked --manifest-path fuzz/Cargo.toml
cargo fuzz build --sanitizer none --dev --target-dir "$place"
host=$(rustc --version --verbose | sed -n 's/^host: //p')
status=0
tried=0
run() {
  mkdir -p "$place/learnt/$1" fuzz/artifacts/"$1"
  "$place/$host/debug/$1" "$place/learnt/$1" "fuzz/corpus/$1" -artifact_prefix="fuzz/artifacts/$1/" \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 >"$place/$1.log" 2>&1
}
for target in "${targets[@]}"; do
  if run "$target"; then
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$place/$target.log")
    echo "  $target: $executed inputs"
    tried=$((tried + executed))
  else
    status=1
    echo "FAILED: $target" >&2
    tail -n 30 "$place/$target.log" >&2
  fi
done
[ "$status" = 0 ] || exit 1
echo "fuzz: ${#targets[@]} targets, $tried inputs, 0 failed"
