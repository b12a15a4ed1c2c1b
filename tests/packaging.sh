#!/usr/bin/env bash
# Checks what the Debian package and the image are made from, without building them: the systemd unit,
# the pages of the manual, the shell scripts, the settings, the Dockerfile. tests/deb/run.sh builds the
# package and installs it; tests/run.sh --long runs that. BINARY names the program. tests/run.sh calls
# this. It needs man, python3 with venv and systemd.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
source tests/lib.sh
binary=$(program)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
ok() {
  passed=$((passed + 1))
  echo "  $*"
}

echo "packaging"
# systemd-analyze wants a unit file that is not executable.
root=$folder/root
install -D --mode=644 packaging/debian/teable-attachments.service "$root/etc/systemd/system/teable-attachments.service"
exposure=$(systemd-analyze security --offline=yes --threshold=15 --no-pager "$root/etc/systemd/system/teable-attachments.service") ||
  fail "systemd-analyze security: $exposure"
ok "systemd-analyze security: $(sed -n 's/^→ //p' <<<"$exposure")"

# Each page that the package has, and the one that is written by hand.
pages=0
mapfile -t words < <(sed -n "s/^for page in \(.*\); do$/\1/p" packaging/package.sh | xargs -n 1)
[ ${#words[@]} -gt 5 ] || fail "packaging/package.sh names no pages"
for page in '' "${words[@]}"; do
  # A page is called after its words, one argument each.
  # shellcheck disable=SC2086
  "$binary" man $page >"$folder/page.1"
  MANWIDTH=90 man --warnings=w -l "$folder/page.1" >"$folder/text" 2>"$folder/complaints"
  [ -s "$folder/text" ] && [ ! -s "$folder/complaints" ] || fail "the page '$page': $(cat "$folder/complaints")"
  pages=$((pages + 1))
done
MANWIDTH=90 man --warnings=w -l packaging/debian/teable-attachments-admin.8 >"$folder/text" 2>"$folder/complaints"
[ -s "$folder/text" ] && [ ! -s "$folder/complaints" ] || fail "the page of teable-attachments-admin: $(cat "$folder/complaints")"
ok "$((pages + 1)) pages of the manual"

for shell in bash fish zsh; do
  "$binary" completions "$shell" >"$folder/completions.$shell"
  [ -s "$folder/completions.$shell" ] || fail "no completions for $shell"
done
bash -n "$folder/completions.bash" || fail "the completions for bash"
ok "completions for three shells"

for script in packaging/debian/{postinst,postrm,prerm,teable-attachments-admin}; do
  sh -n "$script" || fail "$script"
done
for script in packaging/*.sh tests/*.sh tests/*/*.sh benches/load/run.sh .ci/run; do
  bash -n "$script" || fail "$script"
done
ok "shell scripts have no syntax errors"

version=$(sed -n '1s/^teable-attachments (\([^)]*\)).*/\1/p' packaging/debian/changelog)
[ "${version%-*}" = "$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)" ] ||
  fail "packaging/debian/changelog begins with $version"
# Each setting of the example file is one that --help has.
settings=$(sed -n 's/^#\?\([A-Z_]*\)=.*/\1/p' packaging/debian/env | sort -u)
for setting in $settings; do
  "$binary" serve --help | grep -qF "[env: $setting" || fail "packaging/debian/env has $setting, which is no setting"
done
ok "version $version; $(wc -w <<<"$settings") settings in the example"

venv=$(venv packaging tests/packaging.txt)
"$venv/bin/hadolint" Dockerfile || fail "hadolint"
ok "hadolint has no findings in the Dockerfile"

echo "packaging: $passed passed, 0 failed"
