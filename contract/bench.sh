#!/usr/bin/env bash
# What the check costs a build of this repository, as a table of Markdown: every pair of figures is of interleaved rounds in one run,
# with the check and with a build script that only copies the document. CLEAN=0 leaves out the clean builds, which take minutes.
set -euo pipefail
repo=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=1
rounds=${ROUNDS:-5}

for side in with without; do
  mkdir "$work/$side"
  (cd "$repo" && tar -c --exclude=./target --exclude=./data --exclude=./.git --exclude=node_modules .) | tar -x -C "$work/$side"
done

build() { (cd "$work/$1" && CARGO_TARGET_DIR="$work/target-$1" cargo build --offline --quiet); }
# seconds COMMAND…: how long it takes.
seconds() {
  local from=$EPOCHREALTIME
  "$@" >"$work/log" || { cat "$work/log" >&2; exit 1; }
  awk "BEGIN { printf \"%.3f\", $EPOCHREALTIME - $from }"
}
median() { sort -n "$1" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
row() { awk "BEGIN { printf \"| %s | %.2f s | %.2f s | %.2f |\\n\", \"$1\", $2, $3, $2 / $3 }"; }

(cd "$repo" && cargo fetch --locked --quiet)
first_with=$(seconds build with)
out=$(find "$work/target-with" -path '*teable-attachments-*/out/openapi.json' -printf '%h' -quit)
script=$(find "$work/target-with" -path '*teable-attachments-*' -name build-script-build -print -quit)

# The same package, whose build script copies what the other one has checked.
cp "$out/openapi.json" "$out/drawn.json" "$work/without/openapi/"
cat >"$work/without/build.rs" <<'RUST'
//! Copies what was checked before.
fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=openapi");
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::copy("openapi/attachments.yaml", out.join("openapi.yaml"))?;
    std::fs::copy("openapi/openapi.json", out.join("openapi.json"))?;
    std::fs::copy("openapi/drawn.json", out.join("drawn.json"))?;
    Ok(())
}
RUST
perl -0pi -e 's/\[build-dependencies\]\n.*?\n(?=\n?\[)//s' "$work/without/Cargo.toml"
first_without=$(seconds build without)

echo "| | with the check | without | ratio |"
echo "|---|---|---|---|"
[ "${CLEAN:-1}" = 0 ] || row "clean build, dev profile" "$first_with" "$first_without"
for change in "openapi/attachments.yaml" "src/api/port.rs"; do
  # What is built incrementally has its first time, which does not count.
  for side in with without; do
    touch "$work/$side/$change"
    build "$side"
  done
  : >"$work/times-with" && : >"$work/times-without"
  for _ in $(seq "$rounds"); do
    for side in with without; do
      touch "$work/$side/$change"
      seconds build "$side" >>"$work/times-$side"
      echo >>"$work/times-$side"
    done
  done
  row "rebuild after touching \`$change\`" "$(median "$work/times-with")" "$(median "$work/times-without")"
done

mkdir "$work/out"
: >"$work/times"
for _ in $(seq 11); do
  (cd "$work/with" && OUT_DIR=$work/out seconds "$script") >>"$work/times"
  echo >>"$work/times"
done
awk "BEGIN { printf \"\\nThe build script, from its start to its end: %.0f ms (dev profile, median of 11).\\n\", 1000 * $(median "$work/times") }"
