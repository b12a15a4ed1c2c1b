#!/usr/bin/env bash
# Prints a table of our server beside what bounds it: `benches/load/run.sh`, or with the name of one part. Nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v nginx >/dev/null; then
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -q
  # Debian starts what it installs; this one starts its own.
  printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
  $sudo chmod +x /usr/sbin/policy-rc.d
  $sudo apt-get install -q -y --no-install-recommends nginx-light || { $sudo rm /usr/sbin/policy-rc.d; exit 1; }
  $sudo rm /usr/sbin/policy-rc.d
fi
exec cargo bench --quiet --locked --bench load -- "$@"
