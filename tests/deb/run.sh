#!/usr/bin/env bash
# Builds the Debian package of target/dist/teable-attachments, checks it with lintian and systemd, and
# installs, upgrades, removes and purges it. It does so in a copy of this machine's files with a
# systemd of its own if systemd-nspawn can boot one, and otherwise on this machine. tests/run.sh --long
# calls this. It needs cargo-deb, cargo-cyclonedx, curl, dpkg-dev, jq, lintian, man, python3, systemd,
# systemd-container and xz-utils.
set -euo pipefail
cd "$(dirname "$0")/../.."
repo=$PWD
folder=$(mktemp -d)
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
finish() {
  mountpoint -q "$folder/machine" && $sudo umount "$folder/machine"
  mountpoint -q "$folder/upper" && $sudo umount "$folder/upper"
  $sudo rm -rf "$folder"
}
trap finish EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
ok() { echo "  $*"; }

source tests/lib.sh

echo "package"
packaging/package.sh --quiet --output "$folder/"
first=$(echo "$folder"/teable-attachments_*.deb)
[ -f "$first" ] || fail "no package: $(ls "$folder")"
version=$(dpkg-deb --field "$first" Version)
[ "${version%-*}" = "$(cargo metadata --no-deps --locked --format-version 1 | jq -r '.packages[] | select(.name == "teable-attachments").version')" ] ||
  fail "the package's version is $version"
[ "$version" = "$(dpkg-parsechangelog --file packaging/debian/changelog --show-field Version)" ] ||
  fail "packaging/debian/changelog does not begin with $version"
depends=$(dpkg-deb --field "$first" Depends)
[[ $depends == *libc6* ]] || fail "no dependency was computed: $depends"
mkdir "$folder/tree"
dpkg-deb --extract "$first" "$folder/tree"
ok "$(stat -c %s "$first") bytes, $(dpkg-deb --field "$first" Installed-Size) KiB installed; the program has $(stat -c %s "$folder/tree/usr/bin/teable-attachments") bytes"
ok "depends on $depends"

lintian --fail-on error,warning --tag-display-limit 0 --info "$first" >"$folder/lintian" 2>&1 || fail "lintian: $(cat "$folder/lintian")"
ok "lintian: no error, no warning; overridden: $(lintian --show-overrides "$first" 2>/dev/null | sed -n 's/^O: [^:]*: \([^ ]*\).*/\1/p' | sort | uniq -c | sed 's/^ *//' | paste -sd, -)"

unit=$folder/tree/usr/lib/systemd/system/teable-attachments.service
# Of 100, at which everything is open.
exposure=$(systemd-analyze security --offline=yes --threshold=15 --no-pager "$unit") || fail "systemd-analyze security: $exposure"
ok "systemd-analyze security: $(sed -n 's/^→ //p' <<<"$exposure")"

for page in "$folder"/tree/usr/share/man/man*/*; do
  MANWIDTH=90 man --warnings=w -l "$page" >"$folder/page" 2>"$folder/complaints" || fail "$page: $(cat "$folder/complaints")"
  [ -s "$folder/page" ] && [ ! -s "$folder/complaints" ] || fail "$page: $(cat "$folder/complaints")"
done
ok "$(find "$folder/tree/usr/share/man" -type f | wc -l) pages of the manual"

zcat "$folder/tree/usr/share/doc/teable-attachments/sbom.cdx.json.gz" >"$folder/sbom.cdx.json"
tests/deb/sbom.sh "$folder/sbom.cdx.json" "$folder/tree/usr/share/doc/teable-attachments/third-party-licences.txt.gz"

# An upgrade: a later version, which changes the file of settings that a user has changed too.
dpkg-deb --raw-extract "$first" "$folder/second"
sed -i "s/^Version: .*/Version: $version+next/" "$folder/second/DEBIAN/control"
echo '# A line that came with the next version.' >>"$folder/second/etc/teable-attachments/env"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$folder/second" "$folder/next.deb" >/dev/null

# machine NAME: boots this machine's copy and lives the package's life there.
machine() {
  mkdir -p "$folder/upper" "$folder/machine"
  $sudo mount -t tmpfs -o mode=755 tmpfs "$folder/upper" && $sudo mkdir "$folder/upper/"{files,work} || return 1
  $sudo mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper/files,workdir=$folder/upper/work" "$folder/machine" || return 1
  local test=$folder/machine/opt/package-test units=$folder/machine/etc/systemd/system
  $sudo mkdir -p "$test"
  $sudo cp "$first" "$test/first.deb"
  $sudo cp "$folder/next.deb" "$repo/tests/deb/life.sh" "$test/"
  $sudo cp "$repo/tests/deb/machine.service" "$units/package-test.service"
  # What keeps packages from starting anything is for a machine without systemd; nobody waits for a network here.
  $sudo rm -f "$folder/machine/usr/sbin/policy-rc.d"
  local service
  for service in systemd-networkd-wait-online NetworkManager-wait-online; do
    $sudo ln -sf /dev/null "$units/$service.service"
  done
  # Later ones boot with the one hierarchy of control groups alone, whatever this machine has.
  $sudo env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 timeout 300 systemd-nspawn --quiet --directory="$folder/machine" --register=no --keep-unit --link-journal=no --private-network \
    --boot --console=pipe systemd.unit=package-test.service </dev/null >"$folder/boot" 2>&1 || true
  [ -s "$test/log" ]
}

echo "life of the package"
if [ -d /run/systemd/system ] || ! machine; then
  echo "  on this machine, for no other could be booted: $(tail -n 1 "$folder/boot" 2>/dev/null)"
  $sudo tests/deb/life.sh "$first" "$folder/next.deb"
else
  cat "$folder/machine/opt/package-test/log"
  [ "$(cat "$folder/machine/opt/package-test/result")" = 0 ] || fail "the life of the package"
fi
