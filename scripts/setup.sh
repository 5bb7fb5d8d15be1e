# Sourced by start.sh and test.sh: makes a fresh clone runnable. Safe to run again; does nothing when nothing is missing.
# Everything it prints goes to standard error, because `slipway up` promises a clean standard output.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { echo "slipway: $*" >&2; }
die() { say "$*"; exit 1; }

# npm packages, among them the pinned Node. The stamp holds the lock file's checksum that was installed.
install_npm_packages() {
  command -v npm >/dev/null || die "npm is missing; install Node.js 20 or newer with npm, then run this again"
  local stamp=node_modules/.slipway-installed sum
  sum=$(sha256sum package-lock.json | cut -d' ' -f1)
  [ -x node_modules/.bin/node ] && [ "$(cat "$stamp" 2>/dev/null)" = "$sum" ] && return
  say "installing npm packages"
  # Not `npm ci`: it refuses a lock file that lacks binaries for other platforms, which not every mirror carries.
  npm install --no-save --no-audit --no-fund --loglevel=error >&2 || die "npm install failed; see the lines above"
  [ -x node_modules/.bin/node ] || die "the npm package 'node' did not install its binary; run 'npm install' and look at its output"
  echo "$sum" >"$stamp"
}

# Arguments: program:package pairs. Prints the packages whose program is nowhere on the PATH.
missing_packages() {
  local pair
  for pair in "$@"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || printf '%s ' "${pair##*:}"
  done
}

# Installs packages as root on Debian and Ubuntu; otherwise prints the exact command.
# Arguments: required|wanted, then the packages. Returns 1 when they stay missing and are only wanted.
install_system_packages() {
  local need=$1; shift
  [ $# -gt 0 ] || return 0
  local command="apt-get update && apt-get install -y --no-install-recommends $*"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing system packages: $*"
    if { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; } >&2; then return 0; fi
    [ "$need" = wanted ] && return 1
    die "system packages could not be installed; try: $command"
  fi
  say "missing system packages; install them with: $([ "$(id -u)" = 0 ] || echo 'sudo sh -c ')'$command'"
  [ "$need" = wanted ] && return 1
  exit 1
}

# What the node agent needs. A plain user cannot run an agent, so nothing of it is needed then.
agent_programs="ip:iproute2 nft:nftables conmon:conmon mount:mount nsenter:util-linux"
agent_missing() {
  # shellcheck disable=SC2086
  missing_packages $agent_programs
  command -v crun >/dev/null || command -v runc >/dev/null || printf 'crun '
  # crun before 1.9 refuses to run on a hybrid cgroup tree: runc serves there.
  if [ -d /sys/fs/cgroup/unified ] && ! command -v runc >/dev/null; then printf 'runc '; fi
  return 0
}
