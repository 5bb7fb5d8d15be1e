import type { Pod, PodDisruptionBudget, ReplicaSet } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { controllerOf, controllerReferenceTo } from '../../runtime/owner.ts';
import { aPod, aReplicaSet } from '../../testing/builders.ts';
import { pick, podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { isPodReady } from '../../workloads/pod-readiness.ts';

const { podDisruptionBudgets: budgets, pods, replicaSets } = kinds;

export const disruptionLaws: ControllerLaws = {
  controller: 'disruption',
  primary: budgets,
  start(server) {
    const set = server.put(replicaSets, aReplicaSet(4));
    for (const name of ['a', 'b', 'c', 'd']) server.put(pods, podOf(set, name));
    server.put(budgets, aBudget({ maxUnavailable: 1 }));
  },
  moves: {
    ...podMoves,
    'a pod comes': (server, dice) => {
      const [set] = server.list(replicaSets);
      const name = `p${dice % 7}`;
      if (set && !server.get(pods, `shop/${name}`)) server.put(pods, podOf(set, name));
    },
    'a pod is gone': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      if (pod) server.remove(pods, keyOf(pod));
    },
    'a pod leaves or joins by its labels': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      const labels = dice % 2 === 0 ? { app: 'db' } : { app: 'web' };
      if (pod) server.put(pods, { ...pod, metadata: { ...pod.metadata, labels } });
    },
    'the owner is scaled': (server, dice) => {
      const set = pick(server.list(replicaSets), dice);
      if (set) server.put(replicaSets, { ...set, spec: { ...set.spec, replicas: dice % 8 } });
    },
    'the budget changes': (server, dice) => {
      const budget = pick(server.list(budgets), dice);
      const specs = [{ maxUnavailable: '30%' }, { minAvailable: 2 }, { minAvailable: '50%' }, { maxUnavailable: 0 }];
      const spec = pick(specs, Math.floor(dice / 3));
      if (budget && spec) server.put(budgets, { ...budget, spec: { ...aBudget(spec).spec } });
    },
    'a pod is evicted': (server, dice) => evict(server, dice, true),
    'a pod is evicted and does not go': (server, dice) => evict(server, dice, false),
  },
  never({ after }, server) {
    const budget = after as PodDisruptionBudget;
    const { desiredHealthy = 0, disruptionsAllowed = 0 } = budget.status ?? {};
    const healthy = healthyPods(budget, server).length;
    const isTooMany = disruptionsAllowed > 0 && healthy - disruptionsAllowed < desiredHealthy;
    return isTooMany
      ? `${disruptionsAllowed} of ${healthy} healthy pods may go, ${desiredHealthy} must stay`
      : undefined;
  },
  atRest(server) {
    for (const budget of server.list(budgets)) {
      const { currentHealthy, expectedPods, disruptedPods } = budget.status ?? {};
      if (disruptedPods) return `${Object.keys(disruptedPods)} are still expected to go`;
      const healthy = healthyPods(budget, server).length;
      if (currentHealthy !== healthy) return `${currentHealthy} are counted as healthy, ${healthy} are`;
      const wanted = expectedBy(budget, server);
      if (expectedPods !== wanted) return `${expectedPods} are expected, the owners want ${wanted}`;
    }
    return undefined;
  },
};

function podOf(set: ReplicaSet, name: string): Pod {
  const pod = aPod({ name, ready: true, node: 'n0' });
  return { ...pod, metadata: { ...pod.metadata, ownerReferences: [controllerReferenceTo(set)] } };
}

function aBudget(spec: Partial<PodDisruptionBudget['spec']>): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { namespace: 'shop', name: 'web' },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  };
}

/** As the eviction endpoint does it: nothing goes that the budget does not allow. */
function evict(server: MemoryServer, dice: number, goes: boolean): void {
  const budget = pick(server.list(budgets), dice);
  const pod = budget && pick(podsOf(budget, server), dice);
  const { status } = budget ?? {};
  if (!pod || !status?.disruptionsAllowed || status.observedGeneration !== budget?.metadata.generation) return;
  const disruptedPods = { ...status.disruptedPods, [pod.metadata.name ?? '']: formatTime(server.nowMs) };
  server.put(budgets, {
    ...budget,
    status: { ...status, disruptionsAllowed: status.disruptionsAllowed - 1, disruptedPods },
  });
  if (goes) server.delete(pods, keyOf(pod));
}

function podsOf({ metadata, spec }: PodDisruptionBudget, server: MemoryServer): Pod[] {
  const app = spec.selector?.matchLabels?.app;
  return server
    .list(pods)
    .filter((pod) => pod.metadata.namespace === metadata.namespace && pod.metadata.labels?.app === app);
}

function healthyPods(budget: PodDisruptionBudget, server: MemoryServer): Pod[] {
  const noted = budget.status?.disruptedPods ?? {};
  return podsOf(budget, server).filter(
    (pod) => isPodReady(pod) && !pod.metadata.deletionTimestamp && !(pod.metadata.name && noted[pod.metadata.name]),
  );
}

/** The law's own count: each owner that some pod has, once. */
function expectedBy(budget: PodDisruptionBudget, server: MemoryServer): number {
  const matched = podsOf(budget, server);
  if (typeof budget.spec.minAvailable === 'number') return matched.length;
  const owners = new Set(matched.map((pod) => controllerOf(pod)?.uid));
  const scales = server.list(replicaSets).filter(({ metadata }) => owners.has(metadata.uid));
  return scales.reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0);
}
