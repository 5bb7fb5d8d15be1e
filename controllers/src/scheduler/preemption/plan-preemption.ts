/**
 * Which pods would have to go so that a pod fits: pure over what a cycle looked at. On each node where it may help all
 * pods of lower priority are taken away, then given back as far as the pod still fits: those first whose budgets allow no
 * disruption, and of them the most important.
 */
import type { ClusterView } from '../cluster/cluster-state.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { Profile } from '../configuration/profile.ts';
import { RejectionCount } from '../cycle/explain.ts';
import { type Rejection, rejection } from '../cycle/filter.ts';
import type { NodeChecks } from '../cycle/node-checks.ts';
import type { Chance, Misfit } from '../cycle/schedule.ts';
import type { PendingPod, PodInfo } from '../pods/pod-info.ts';
import { BudgetCount, type BudgetView } from './budget-view.ts';
import { type Candidate, chooseCandidate } from './choose-candidate.ts';

export type PreemptionPlan =
  | { readonly outcome: 'evict'; readonly candidate: Candidate; readonly outranked: readonly PodInfo[] }
  /** `keepsNomination`: the room that was made for it is still to come. */
  | { readonly outcome: 'none'; readonly message: string; readonly keepsNomination: boolean };

const unhelpful = rejection('Preemption is not helpful for scheduling', false);
const noVictims = rejection('No preemption victims found for incoming pod', true);

export function planPreemption(
  pod: PendingPod,
  misfit: Misfit,
  cluster: ClusterView,
  profile: Profile,
  budgets: BudgetView,
  chance: Chance,
): PreemptionPlan {
  const refusal = ineligible(pod, misfit, cluster);
  if (refusal) return { outcome: 'none', message: `preemption: ${refusal}`, keepsNomination: true };
  const { resolvable, checks } = misfit;
  const { args } = profile;
  const count = new RejectionCount();
  const wanted = Math.min(
    Math.max(Math.floor((resolvable.length * args.minCandidateNodesPercentage) / 100), args.minCandidateNodesAbsolute),
    resolvable.length,
  );
  const candidates: Candidate[] = [];
  if (checks && resolvable.length > 0) {
    const find = (node: NodeInfo) => candidateOn(node, pod, checks, budgets);
    const known = cluster.indexes.memo(pod.demand, profile)?.candidates(budgets.version);
    const offset = Math.floor(chance.next() * resolvable.length);
    let isOneHarmless = false;
    for (let i = 0; i < resolvable.length && !(candidates.length >= wanted && isOneHarmless); i++) {
      const node = resolvable[(offset + i) % resolvable.length] as NodeInfo;
      const found = known && checks.isLocalTo(node) ? known.of(node, find) : find(node);
      if ('reasons' in found) {
        count.add(found);
        continue;
      }
      candidates.push(found);
      if (found.violations === 0) isOneHarmless = true;
    }
  }
  const candidate = chooseCandidate(candidates);
  if (!candidate) {
    const others = cluster.nodes.length - resolvable.length;
    if (others > 0) count.add(unhelpful, others);
    const message = `preemption: ${count.explain(cluster.nodes.length)}`;
    return { outcome: 'none', message, keepsNomination: false };
  }
  const outranked = candidate.node.nominated.filter(
    ({ uid, demand }) => uid !== pod.uid && demand.priority < pod.demand.priority,
  );
  return { outcome: 'evict', candidate, outranked };
}

function ineligible(pod: PendingPod, { resolvable }: Misfit, cluster: ClusterView): string | undefined {
  if (!pod.demand.mayPreempt) return 'not eligible due to preemptionPolicy=Never.';
  const nominated = cluster.node(cluster.nominations.of(pod.uid) ?? '');
  if (!nominated || !resolvable.includes(nominated)) return undefined;
  for (const { isPreempted, demand } of nominated.pods.values()) {
    if (isPreempted && demand.priority < pod.demand.priority)
      return 'not eligible due to a terminating pod on the nominated node.';
  }
  return undefined;
}

/** The most important first: higher priority, then longer running. Ties by uid, so that a plan can be repeated. */
function byImportance(a: PodInfo, b: PodInfo): number {
  return b.demand.priority - a.demand.priority || a.sinceMs - b.sinceMs || (a.uid < b.uid ? -1 : 1);
}

function candidateOn(node: NodeInfo, pod: PendingPod, checks: NodeChecks, budgets: BudgetView): Candidate | Rejection {
  const lesser = [...node.pods.values()].filter(({ demand }) => demand.priority < pod.demand.priority);
  if (lesser.length === 0) return noVictims;
  const trial = node.trial();
  const gone = new Set<PodInfo>();
  const takeAway = (other: PodInfo) => {
    gone.add(other);
    trial.count(other, -1);
    checks.shift(other, node, -1);
  };
  const giveBack = (other: PodInfo) => {
    gone.delete(other);
    trial.count(other, 1);
    checks.shift(other, node, 1);
  };
  try {
    for (const other of lesser) takeAway(other);
    const rejected = checks.reject(trial);
    if (rejected) return rejected;
    const { violating, harmless } = byBudget(lesser.sort(byImportance), budgets);
    let violations = 0;
    for (const [others, isViolating] of [
      [violating, true],
      [harmless, false],
    ] as const) {
      for (const other of others) {
        giveBack(other);
        if (!checks.reject(trial)) continue;
        takeAway(other);
        if (isViolating) violations++;
      }
    }
    return { node, victims: [...gone].sort(byImportance), violations };
  } finally {
    for (const other of [...gone]) giveBack(other);
  }
}

function byBudget(pods: readonly PodInfo[], budgets: BudgetView) {
  const count = new BudgetCount(budgets);
  const violating: PodInfo[] = [];
  const harmless: PodInfo[] = [];
  for (const pod of pods) (count.overdraws(pod) ? violating : harmless).push(pod);
  return { violating, harmless };
}
