# Runs in the machine of node.e2e.ts: a cluster with one pod that stays, one that wants too much memory, and one for each kind of
# network; beside it the suites of plugins that need this kernel.
# Prints what it sees as `name: value` lines on standard output; the test says what is right.
# Given: REPOSITORY, IMAGE (file of a docker-archive), KUBECTL.
set -eu
cd "$REPOSITORY"
data=/run/slipway
export KUBECONFIG=$data/admin.kubeconfig
tree=/sys/fs/cgroup

fact() { printf '%s: %s\n' "$1" "$2"; }
kubectl() { "$KUBECTL" "$@"; }
slipway() { node_modules/.bin/slipway "$@" --data-dir "$data"; }
seconds() { cut -d. -f1 /proc/uptime; }
# until TRIES COMMAND...: once a second
until_true() {
  tries=$1; shift
  until "$@"; do
    tries=$((tries - 1))
    if [ $tries = 0 ]; then echo "gave up on: $*"; return 1; fi
    sleep 1
  done
}
failed() {
  echo "-- what went before"
  tail -c 6000 /run/suites.log || true
  tail -c 6000 /run/up.log
  kubectl get pods -o wide || true
  kubectl get events || true
}
trap '[ $? = 0 ] || failed' EXIT

fact mounts "$(grep -c ' cgroup ' /proc/mounts || true)"
fact controllers "$(cat $tree/cgroup.controllers)"
fact 'cgroups before' "$(find $tree -mindepth 1 -type d | wc -l)"

# One after the other: two that start at once have now and then been too much for Node on an emulated machine.
slipway up >/run/up.out 2>/run/up.log &
until_true 200 grep -q ^ready /run/up.out
fact 'seconds to ready' "$(seconds)"
slipway image load "$IMAGE"
fact 'seconds to loaded' "$(seconds)"

# The machine has two processors, and the cluster uses one. Only what this kernel alone can do: the names of the
# blocks that other machines skip. Few roots, for a crawl of all files would take longer than the tests.
suites='ipvlan on a LAN|802.1q sub-interfaces|VLANs of a bridge|CNI specification, ipvlan in process .* (lives|collects)'
(
  export PATH=$REPOSITORY/node_modules/.bin:$PATH
  code=0
  npm run -s unit -- -i --roots cni/src --roots lib/kit --cacheDirectory "$JEST_CACHE" --testTimeout 120000 --json --outputFile /run/suites.json \
    cni/src/plugins/ipvlan cni/src/plugins/parent/parent.priv cni/src/plugins/bridge/bridge-vlan cni/src/conformance/specification \
    -t "$suites" >/run/suites.log 2>&1 || code=$?
  echo $code >/run/suites.code
  fact 'seconds to suites' "$(seconds)"
) &
suites_job=$!

until_true 20 kubectl apply -f "$REPOSITORY/e2e/vm/cgroup-v2.yaml" -f "$REPOSITORY/e2e/vm/networks.yaml"
until_true 120 kubectl wait --for=condition=Available deployment/limited --timeout=120s
fact 'seconds to available' "$(seconds)"
fact runtime "$(grep -o '"runtime":"[^"]*"' /run/up.log | head -1)"

pod=$(kubectl get pods -l app=limited -o 'jsonpath={.items[0].metadata.name} {.items[0].metadata.uid} {.items[0].status.containerStatuses[0].containerID}')
set -- $pod
name=$1 uid=$2 id=${3##*://}
cgroup=$(find $tree -type d -name "$id")
fact cgroup "$cgroup" | sed "s/$uid/UID/; s/$id/ID/"
for file in memory.max memory.swap.max memory.oom.group cpu.max cpu.weight pids.max; do fact "container $file" "$(cat "$cgroup/$file")"; done
for file in memory.max cpu.max cpu.weight; do fact "pod $file" "$(cat "$(dirname "$cgroup")/$file")"; done

fact 'exec sees' "$(kubectl exec "$name" -- sh -c 'cat /proc/1/cgroup /sys/fs/cgroup/memory.max; echo 1 2>/dev/null >/sys/fs/cgroup/memory.max || echo read-only' | xargs)"

until_true 120 kubectl wait --for=jsonpath='{.status.phase}'=Failed pod/hungry --timeout=120s
fact hungry "$(kubectl get pod hungry -o 'jsonpath={.status.containerStatuses[0].state.terminated.reason} {.status.containerStatuses[0].state.terminated.exitCode}')"
fact 'limited restarts' "$(kubectl get pod "$name" -o 'jsonpath={.status.containerStatuses[0].restartCount}')"

until_true 120 kubectl wait --for=jsonpath='{.status.phase}'=Succeeded pod -l reaches=peer --timeout=120s
fact 'seconds to networks' "$(seconds)"
kubectl get pods -o 'jsonpath={range .items[*]}status of {.metadata.name}: {.metadata.annotations.k8s\.v1\.cni\.cncf\.io/network-status}{"\n"}{end}' |
  tr -d '\n' | sed 's/status of /\n&/g'
echo
fact 'links with pods' "$(ip -br link | cut -d' ' -f1 | xargs)"
kubectl delete pod peer on-yard on-office on-lab on-vault on-wide
until_true 60 sh -c '! ip link show eth0.50 && ! ip link show eth0.60' 2>/dev/null
fact 'links without pods' "$(ip -br link | cut -d' ' -f1 | xargs)"

wait $suites_job
fact 'suites code' "$(cat /run/suites.code)"
fact suites "$(cat /run/suites.json)"
[ "$(cat /run/suites.code)" = 0 ]

slipway down
fact 'links after' "$(ip -br link | cut -d' ' -f1 | xargs)"
fact 'cgroups after' "$(find $tree -mindepth 1 -type d | xargs)"
fact 'seconds to down' "$(seconds)"
