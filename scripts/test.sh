#!/usr/bin/env bash
# `npm test`: all set-up, then every check and test that this machine can run. What it cannot run is named at the end.
set -euo pipefail
source "$(dirname "$0")/setup.sh"
install_npm_packages

# Debian 12's qemu brings virtiofsd along; later releases have a package of that name.
missing_virtiofsd() {
  [ -x /usr/libexec/virtiofsd ] || [ -x /usr/lib/qemu/virtiofsd ] || ! apt-cache show virtiofsd >/dev/null 2>&1 || echo virtiofsd
}

# A Docker engine for the tests that want one, where installing it starts none: the tests run Debian's dockerd themselves.
docker_missing() {
  [ -z "${DOCKER_HOST:-}" ] && [ ! -S /var/run/docker.sock ] && [ "$(id -u)" = 0 ] && [ ! -d /run/systemd/system ] || return 0
  missing_packages dockerd:docker.io containerd:containerd runc:runc
}

# shellcheck disable=SC2086,SC2046
install_system_packages wanted $(agent_missing) $(missing_packages etcd:etcd-server busybox:busybox-static skopeo:skopeo \
  umoci:umoci dig:bind9-dnsutils dnsmasq:dnsmasq-base socat:socat curl:curl docker-registry:docker-registry conntrack:conntrack kubectl:kubernetes-client aws:awscli \
  qemu-system-x86_64:qemu-system-x86 wrk:wrk podman:podman) $(missing_virtiofsd) $(docker_missing) \
  $([ -x /usr/lib/cni/bridge ] || echo containernetworking-plugins) \
  $(/usr/bin/python3 -c 'import kubernetes' 2>/dev/null || echo python3-kubernetes) || say "going on without them; the tests that need them will be named"

export SLIPWAY_SKIPPED_FILE
SLIPWAY_SKIPPED_FILE=$(mktemp)
trap 'rm -f "$SLIPWAY_SKIPPED_FILE"' EXIT

run() { say "== $*"; "$@"; }
run node_modules/.bin/biome check --error-on-warnings .
run node_modules/.bin/tsc -p tsconfig.json
status=0
if [ $# -gt 0 ]; then
  run npm run -s unit -- "$@" || status=$?
else
  # What takes minutes and none of the things the others need (a machine of its own, a clock of its own, only namespaces) runs beside them.
  beside=(e2e/vm e2e/simulation e2e/networks cni/src/conformance)
  beside_log=$(mktemp)
  say "== npm run -s unit -- ${beside[*]}, beside the others"
  npm run -s unit -- "${beside[@]}" >"$beside_log" 2>&1 &
  beside_job=$!
  run npm run -s unit -- --testPathIgnorePatterns /node_modules/ "${beside[@]/%//}" || status=$?
  wait "$beside_job" || status=$?
  cat "$beside_log"
  rm -f "$beside_log"
fi

if [ -s "$SLIPWAY_SKIPPED_FILE" ]; then
  say "not run on this machine:"
  sort -u "$SLIPWAY_SKIPPED_FILE" | sed 's/^/  /' >&2
fi
exit $status
