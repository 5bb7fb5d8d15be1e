/**
 * One scheduling decision: pure over the pod, the cluster, the profile and chance. Filters drop nodes, scores rank the
 * rest, chance breaks ties.
 *
 * With many nodes only as many feasible ones are looked for as give a good choice (upstream's rule: 50 % at 100
 * nodes, falling to 5 %, never fewer than 100); the search starts where the last one ended, so every node is seen.
 */
import type { Random } from '@slipway/kit/random';
import type { ClusterView } from '../cluster/cluster-state.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { Profile } from '../configuration/profile.ts';
import type { PendingPod } from '../pods/pod-info.ts';
import { explanationOf, noNodes, RejectionCount } from './explain.ts';
import { rejection } from './filter.ts';
import { NodeChecks } from './node-checks.ts';
import type { Contest } from './score.ts';

export type Chance = Pick<Random, 'next'>;

export type Decision = { readonly outcome: 'fits'; readonly node: NodeInfo; readonly nextStart: number } | Misfit;

/** No node takes the pod. */
export interface Misfit {
  readonly outcome: 'misfit';
  /** `0/3 nodes are available: ...` */
  readonly message: string;
  /** Names of the filters that rejected; they decide what may help. */
  readonly rejectedBy: ReadonlySet<string>;
  /** Nodes where evicting others might help. */
  readonly resolvable: readonly NodeInfo[];
  readonly checks: NodeChecks | undefined;
}

const feasibleMin = 100;

export function feasibleWanted(nodeCount: number, percentage = 0): number {
  if (nodeCount <= feasibleMin || percentage >= 100) return nodeCount;
  const percent = percentage > 0 ? percentage : Math.max(50 - Math.floor(nodeCount / 125), 5);
  return Math.max(Math.floor((nodeCount * percent) / 100), feasibleMin);
}

/** `start`: index of the node where the search begins. */
export function schedule(pod: PendingPod, cluster: ClusterView, profile: Profile, chance: Chance, start = 0): Decision {
  const { nodes } = cluster;
  if (nodes.length === 0) return misfit(noNodes, ['nodes']);
  const checks = NodeChecks.prepare(pod, cluster, profile);
  if ('blocked' in checks) return misfit(explanationOf(nodes.length, checks.blocked), [checks.filter]);
  const promised = cluster.node(cluster.nominations.of(pod.uid) ?? '');
  if (promised && !checks.reject(promised)) return { outcome: 'fits', node: promised, nextStart: start };

  const candidates = candidatesFor(pod, cluster);
  const wanted = feasibleWanted(candidates.length, profile.percentageOfNodesToScore);
  const rejections = new RejectionCount();
  const resolvable: NodeInfo[] = [];
  const feasible: NodeInfo[] = [];
  let looked = 0;
  for (; looked < candidates.length && feasible.length < wanted; looked++) {
    const node = candidates[(start + looked) % candidates.length] as NodeInfo;
    const rejected = checks.reject(node);
    if (!rejected) {
      feasible.push(node);
      continue;
    }
    rejections.add(rejected);
    if (rejected.isResolvable) resolvable.push(node);
  }
  if (feasible.length === 0) {
    const rejectedBy = new Set(checks.rejectedBy);
    if (candidates.length < nodes.length) {
      rejections.add(notNamed, nodes.length - candidates.length);
      rejectedBy.add('NodeAffinity');
    }
    return { outcome: 'misfit', message: rejections.explain(nodes.length), rejectedBy, resolvable, checks };
  }
  const nextStart = candidates === nodes ? (start + looked) % nodes.length : start;
  const [only] = feasible;
  const node =
    feasible.length === 1 && only ? only : best({ pod, cluster, feasible, args: profile.args }, profile, chance);
  return { outcome: 'fits', node, nextStart };
}

const notNamed = rejection("node(s) didn't satisfy plugin(s) [NodeAffinity]", false);

/** All nodes, or those that the pod names. */
function candidatesFor({ demand: { nodeNames } }: PendingPod, cluster: ClusterView): readonly NodeInfo[] {
  if (!nodeNames) return cluster.nodes;
  return [...nodeNames].flatMap((name) => cluster.node(name) ?? []);
}

function misfit(message: string, rejectedBy: readonly string[]): Misfit {
  return { outcome: 'misfit', message, rejectedBy: new Set(rejectedBy), resolvable: [], checks: undefined };
}

function best(contest: Contest, profile: Profile, chance: Chance): NodeInfo {
  const { feasible } = contest;
  const totals = localPoints(contest, profile);
  const points = new Float64Array(feasible.length);
  for (const { score, weight } of profile.scores) {
    if (score.isLocal) continue;
    points.fill(0);
    if (!score.score(contest, points)) continue;
    for (let i = 0; i < totals.length; i++) totals[i] = (totals[i] ?? 0) + weight * (points[i] ?? 0);
  }
  let winner = 0;
  let highest = totals[0] ?? 0;
  let ties = 1;
  for (let i = 1; i < totals.length; i++) {
    const total = totals[i] ?? 0;
    if (total > highest) {
      winner = i;
      highest = total;
      ties = 1;
    } else if (total === highest && chance.next() * ++ties < 1) {
      winner = i;
    }
  }
  return feasible[winner] as NodeInfo;
}

/** The sum of what local scores give to each feasible node. */
function localPoints({ pod, cluster, feasible, args }: Contest, profile: Profile): Float64Array {
  const local: { readonly weight: number; readonly pointsOf: (node: NodeInfo) => number }[] = [];
  for (const { score, weight } of profile.scores) {
    const pointsOf = score.isLocal ? score.prepare(pod, args) : undefined;
    if (pointsOf) local.push({ weight, pointsOf });
  }
  const find = (node: NodeInfo) => {
    let sum = 0;
    for (const { weight, pointsOf } of local) sum += weight * pointsOf(node);
    return sum;
  };
  const points = cluster.indexes.memo(pod.demand, profile)?.points;
  const totals = new Float64Array(feasible.length);
  for (let i = 0; i < feasible.length; i++) {
    const node = feasible[i] as NodeInfo;
    totals[i] = points ? points.of(node, find) : find(node);
  }
  return totals;
}
