#!/usr/bin/env bash
# Prints a table of our server beside what bounds it: `benches/load/run.sh`, or with the name of one part. Nothing else should run meanwhile.
set -euo pipefail
cd "$(dirname "$0")/../.."
needed=()
command -v nginx >/dev/null || needed+=(nginx-light)
command -v valgrind >/dev/null || needed+=(valgrind)
if [ ${#needed[@]} -gt 0 ]; then
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -q
  # Debian starts the nginx that it installs; this one starts its own.
  RUNLEVEL=1 $sudo apt-get install -q -y --no-install-recommends "${needed[@]}"
fi
exec cargo bench --profile dist --quiet --locked --bench load -- "$@"
