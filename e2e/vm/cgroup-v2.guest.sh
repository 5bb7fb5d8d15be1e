# Runs in the machine of cgroup-v2.e2e.ts: a cluster with one pod that stays and one that wants too much memory.
# Prints what it sees as `name: value` lines on standard output; the test says what is right.
# Given: REPOSITORY, IMAGE (file of a docker-archive), KUBECTL.
set -eu
cd "$REPOSITORY"
data=/run/slipway
export KUBECONFIG=$data/admin.kubeconfig
tree=/sys/fs/cgroup

fact() { echo "$1: $2"; }
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
  tail -c 6000 /run/up.log
  kubectl get pods -o wide || true
  kubectl get events || true
}
trap '[ $? = 0 ] || failed' EXIT

fact mounts "$(grep -c ' cgroup ' /proc/mounts || true)"
fact controllers "$(cat $tree/cgroup.controllers)"
fact 'cgroups before' "$(find $tree -mindepth 1 -type d | wc -l)"

slipway up >/run/up.out 2>/run/up.log &
slipway image load "$IMAGE"
fact 'seconds to loaded' "$(seconds)"
until_true 200 grep -q ^ready /run/up.out
fact 'seconds to ready' "$(seconds)"

kubectl apply -f "$REPOSITORY/e2e/vm/cgroup-v2.yaml"
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

slipway down
fact 'cgroups after' "$(find $tree -mindepth 1 -type d | xargs)"
fact 'seconds to down' "$(seconds)"
