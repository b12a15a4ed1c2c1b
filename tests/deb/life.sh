#!/usr/bin/env bash
# life.sh FIRST.deb NEXT.deb: installs the package, runs its service, upgrades, removes and purges it. As root. Under systemd the
# unit runs the service; where none runs, the unit's command line is run by hand, as its user, with its settings.
set -euo pipefail
first=$(realpath "$1")
next=$(realpath "$2")
name=teable-attachments
data=/var/lib/$name
settings=/etc/$name/env
unit=/usr/lib/systemd/system/$name.service
export DEBIAN_FRONTEND=noninteractive
systemd=
[ -d /run/systemd/system ] && systemd=yes

if dpkg-query --show --showformat='${db:Status-Status}\n' $name 2>/dev/null | grep -qv not-installed || [ -e $data ] || [ -e /etc/$name ]; then
  echo "FAILED: $name is installed here, or was; this test would remove it" >&2
  exit 1
fi
folder=$(mktemp -d)
policy=
pid=
stranger=yes
getent passwd $name >/dev/null && stranger=
finish() {
  status=$?
  [ $status = 0 ] || [ -z "$systemd" ] || journalctl --no-pager --quiet --unit $name --lines 20 >&2 || true
  [ $status = 0 ] || [ ! -e "$folder/log" ] || tail -n 20 "$folder/log" >&2
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  dpkg --purge $name >/dev/null 2>&1 || true
  rm -rf "$folder" $data /etc/$name
  [ -z "$stranger" ] || { userdel $name 2>/dev/null || true; }
  [ -z "$policy" ] || rm -f /usr/sbin/policy-rc.d
}
trap finish EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
# All that has the package's name, but for what the package manager keeps for itself.
traces() { find /etc /srv /usr /var -xdev -name "*$name*" -not -path '/var/cache/*' | sort; }
traces >"$folder/before"
passed=0
ok() {
  passed=$((passed + 1))
  echo "  $*"
}
if [ -z "$systemd" ] && [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  policy=yes
fi

# of KEY: what the unit says, with the places that systemd fills in.
of() { sed -n "s/^$1=//p" $unit | sed 's|%S|/var/lib|'; }
# The service, by hand.
begin() {
  [ -z "$systemd" ] || return 0
  local variables=() line command
  while read -r line; do variables+=("$line"); done < <(of Environment; grep -v -e '^#' -e '^$' "$(of EnvironmentFile)")
  read -r -a command < <(of ExecStart)
  (
    umask "$(of UMask)"
    cd "$(of WorkingDirectory)"
    exec setpriv --reuid "$(of User)" --regid "$(of Group)" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
      env -i "${variables[@]}" "${command[@]}" >>"$folder/log" 2>&1
  ) &
  pid=$!
}
end() {
  [ -n "$pid" ] || return 0
  kill "$pid"
  wait "$pid" || fail "it did not stop well"
  pid=
}
restart() {
  if [ -n "$systemd" ]; then systemctl restart $name; else end && begin; fi
}
# ready PORT
ready() {
  origin=http://127.0.0.1:$1
  for _ in $(seq 150); do
    curl -sf -o /dev/null "$origin/readyz" && return
    sleep 0.1
  done
  fail "$origin is not ready"
}
main_pid() { if [ -n "$systemd" ]; then systemctl show --property MainPID --value $name; else echo "$pid"; fi; }
mode() { stat -c '%a %U:%G' "$1"; }
readable() { curl -sS --fail-with-body "$(jq -r .presignedUrl "$folder/stored.json")" | cmp -s - "$folder/file"; }

dpkg --install "$first" >"$folder/install" 2>&1 || fail "installation: $(cat "$folder/install")"
dpkg --verify $name | grep . && fail "what is installed is not what is in the package"
[ "$(getent passwd $name | cut -d: -f6-)" = "$data:/usr/sbin/nologin" ] || fail "the user: $(getent passwd $name)"
[ "$(mode $settings)" = '600 root:root' ] || fail "$settings: $(mode $settings)"
[ "$(mode $data)" = "750 $name:$name" ] || fail "$data: $(mode $data)"
[ "$(systemctl is-enabled $name)" = enabled ] || fail "the unit is not enabled"
systemd-analyze verify --man=yes $unit >"$folder/verify" 2>&1 || fail "systemd-analyze verify: $(cat "$folder/verify")"
! grep -F $name "$folder/verify" || fail "systemd-analyze verify"
bash -c "source /usr/share/bash-completion/completions/$name && complete -p $name" >/dev/null || fail "completions"
ok "installed: a user without a shell, a folder and settings that nobody else reads, a unit that systemd knows"

if [ -n "$systemd" ]; then
  ready 3000
  ok "the installation started it, on 127.0.0.1:3000"
fi
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'PORT=%s\nPUBLIC_ORIGIN=http://127.0.0.1:%s\n' "$port" "$port" >>$settings
# The first start, which says the token, was the installation's or is this one.
welcome() { grep -o 'tat_[0-9a-f_]*' $data/welcome 2>/dev/null | head -n 1 || true; }
# The welcome is written a moment after the service listens.
welcomed() {
  for _ in $(seq 150); do
    [ ! -L $data/welcome ] && grep -qs ":$1/docs/" $data/welcome && return
    sleep 0.1
  done
  fail "no welcome of port $1: $(ls -l $data)"
}
[ -z "$systemd" ] || welcomed 3000
first_token=$(welcome)
restart
ready "$port"
welcomed "$port"
TOKEN=${first_token:-$(welcome)}
[ -n "$TOKEN" ] || fail "no first token in $data/welcome"
[ "$(mode $data/welcome)" = "600 $name:$name" ] || fail "welcome: $(mode $data/welcome)"
if [ -n "$systemd" ]; then journalctl --unit $name --output cat >"$folder/log"; fi
grep -q '"level":"INFO"' "$folder/log" || fail "no log: $(head "$folder/log")"
! grep -qF "${TOKEN:17}" "$folder/log" || fail "the log holds the token"
ok "settings of the file hold after a restart; the first token is in a file that nobody else reads, and in no log"

# The service's user owns the folder, and may put links there. Root must not follow them.
echo precious >"$folder/victim"
chmod 644 "$folder/victim"
for link in welcome welcome.new; do
  rm -f "$data/$link"
  ln -s "$folder/victim" "$data/$link"
done
restart
ready "$port"
welcomed "$port"
[ "$(cat "$folder/victim")" = precious ] || fail "a link in $data was followed"
ok "a link in the place of the welcome is replaced, and not followed"

grep -qE "^Uid:\s+$(id -u $name)\s" "/proc/$(main_pid)/status" || fail "it runs as another"
for state in 'NoNewPrivs:\s+1' 'CapBnd:\s+0+$' 'CapEff:\s+0+$' ${systemd:+'Seccomp:\s+2'}; do
  grep -qE "^$state" "/proc/$(main_pid)/status" || fail "$state: $(cat "/proc/$(main_pid)/status")"
done
ok "it runs as $name, without a capability${systemd:+, behind a filter of system calls}"

head -c 3000000 /dev/urandom >"$folder/file"
curl -sS --fail-with-body "$origin/api/attachments/signature" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"contentType":"application/octet-stream","contentLength":3000000,"type":1}' >"$folder/signed.json"
curl -sS --fail-with-body -T "$folder/file" -H 'Content-Type: application/octet-stream' "$(jq -r .url "$folder/signed.json")"
curl -sS --fail-with-body -X POST -H "Authorization: Bearer $TOKEN" \
  "$origin/api/attachments/notify/$(jq -r .token "$folder/signed.json")?filename=file.bin" >"$folder/stored.json"
readable || fail "the file cannot be read"
[ "$(find $data -mindepth 1 ! -user $name | wc -l)" = 0 ] || fail "files of others: $(ls -lR $data)"
find $data -type f -perm /o=rwx | grep . && fail "files that others read"
ok "a file of 3000000 bytes is signed for, sent, notified and read"

if [ -n "$systemd" ]; then
  made=$($name-admin token create --name app 2>/dev/null)
  [ "$(curl -sS -o /dev/null -w '%{http_code}' "$origin/api/attachments/signature" -H "Authorization: Bearer $made" \
    -H 'Content-Type: application/json' -d '{"contentType":"text/plain","contentLength":1,"type":1}')" = 201 ] || fail "the token of $name-admin"
  [ "$(find $data -mindepth 1 ! -user $name | wc -l)" = 0 ] || fail "files of others: $(ls -lR $data)"
  ok "$name-admin makes a token, and leaves no file of root's"

  before=$(main_pid)
  kill -KILL "$before"
  for _ in $(seq 150); do [ "$(systemctl show --property NRestarts --value $name)" = 1 ] && break || sleep 0.1; done
  ready "$port"
  readable || fail "the file cannot be read after a crash"
  ok "it starts again after a crash"

  cp $settings "$folder/settings"
  echo GC_OLDER_THAN=1d >>$settings
  systemctl restart $name || true
  for _ in $(seq 150); do [ "$(systemctl is-failed $name)" = failed ] && break || sleep 0.1; done
  # A start that is to be tried again is `activating`.
  [ "$(systemctl is-failed $name) $(systemctl show --property ExecMainStatus --value $name)" = 'failed 2' ] || fail "$(systemctl status $name)"
  journalctl --unit $name --output cat | grep -q 'must be more than 7 days' || fail "nothing says what is wrong"
  ok "a wrong setting is said once, and not tried again"

  install -d -o $name -g $name /srv/$name
  cp "$folder/settings" $settings
  echo BACKEND_STORAGE_LOCAL_PATH=/srv/$name >>$settings
  systemctl reset-failed $name
  systemctl start $name || true
  for _ in $(seq 150); do journalctl --unit $name --output cat | grep -q 'Read-only file system' && break || sleep 0.1; done
  journalctl --unit $name --output cat | grep -q 'Read-only file system' || fail "it can write to /srv"
  mkdir -p /etc/systemd/system/$name.service.d
  printf '[Service]\nReadWritePaths=/srv/%s\n' $name >/etc/systemd/system/$name.service.d/files.conf
  # docs/install.md says so of a port below 1024.
  printf '%s=CAP_NET_BIND_SERVICE\n' CapabilityBoundingSet AmbientCapabilities >>/etc/systemd/system/$name.service.d/files.conf
  echo PrivateUsers=no >>/etc/systemd/system/$name.service.d/files.conf
  echo PORT=923 >>$settings
  systemctl daemon-reload
  systemctl restart $name
  ready 923
  [ -d /srv/$name/private ] || fail "no files there: $(ls /srv/$name)"
  rm -r /etc/systemd/system/$name.service.d
  systemctl daemon-reload
  cp "$folder/settings" $settings
  systemctl restart $name
  ready "$port"
  rm -r /srv/$name
  ok "it writes to its own folder alone; a drop-in opens another, and a port below 1024"
fi

sum() { sha256sum $settings $data/signing-key; }
before=$(sum)
[ -n "$systemd" ] || end
old_pid=$(main_pid)
dpkg --force-confdef --force-confold --install "$next" >"$folder/upgrade" 2>&1 || fail "upgrade: $(cat "$folder/upgrade")"
begin
[ "$(main_pid)" != "$old_pid" ] || fail "the old one still runs"
ready "$port"
[ "$(dpkg-query --show --showformat='${Version}' $name)" = "$(dpkg-deb --field "$next" Version)" ] || fail "no upgrade"
[ "$(sum)" = "$before" ] || fail "the upgrade changed settings or key"
grep -q 'next version' $settings.dpkg-dist || fail "the new settings are not beside the old"
readable || fail "the file cannot be read after the upgrade"
ok "upgraded: settings, signing key, file and the address that was given out are what they were"

[ -n "$systemd" ] || end
dpkg --remove $name >"$folder/remove" 2>&1 || fail "removal: $(cat "$folder/remove")"
! curl -s -o /dev/null "$origin/healthz" || fail "it still runs"
[ ! -e /usr/bin/$name ] && [ ! -e $unit ] || fail "the program is still there"
[ "$(sum)" = "$before" ] || fail "the removal changed settings or key"
dpkg --install "$next" >"$folder/install" 2>&1 || fail "installation: $(cat "$folder/install")"
begin
ready "$port"
readable || fail "the file cannot be read after a removal"
ok "removed and installed again: the file is still there"

[ -n "$systemd" ] || end
dpkg --purge $name >"$folder/purge" 2>&1 || fail "purge: $(cat "$folder/purge")"
[ ! -e /etc/$name ] || fail "settings are left: $(ls -l /etc/$name)"
grep -q "$data is left" "$folder/purge" && [ -e $data/signing-key ] || fail "a purge that nobody answered took the files: $(cat "$folder/purge")"
dpkg --install "$first" >"$folder/install" 2>&1 || fail "installation: $(cat "$folder/install")"
echo "$name $name/purge-data boolean true" | debconf-set-selections
dpkg --purge $name >"$folder/purge" 2>&1 || fail "purge: $(cat "$folder/purge")"
left=$(comm -13 "$folder/before" <(traces))
[ -z "$left" ] || fail "left: $left"
ok "purged: settings go, files only if the question is answered so; then nothing is left but the user"

echo "life of the package: $passed passed, 0 failed"
