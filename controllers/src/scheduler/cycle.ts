/**
 * One scheduling decision: pure over the pod, the nodes and chance. Filters drop nodes, scores rank the rest, chance
 * breaks ties.
 *
 * With many nodes only as many feasible ones are looked for as give a good choice (upstream's rule: 50 % at 100
 * nodes, falling to 5 %, never fewer than 100); the search starts where the last one ended, so every node is seen.
 */
import type { Random } from '@slipway/kit/random';
import { type Explanation, RejectionCount } from './explain.ts';
import type { NodeCheck } from './filter.ts';
import { filters } from './filters/filters.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';
import type { Score } from './score.ts';
import { scores } from './scores/scores.ts';

export type Decision = { readonly node: string; readonly nextStart: number } | { readonly unschedulable: Explanation };

const feasibleMin = 100;

export function feasibleWanted(nodeCount: number): number {
  if (nodeCount <= feasibleMin) return nodeCount;
  const percent = Math.max(50 - Math.floor(nodeCount / 125), 5);
  return Math.max(Math.floor((nodeCount * percent) / 100), feasibleMin);
}

/** `start`: index of the node where the search begins. */
export function schedule(pod: PodInfo, nodes: readonly NodeInfo[], random: Pick<Random, 'next'>, start = 0): Decision {
  const rejections = new RejectionCount();
  const checks: { readonly name: string; readonly check: NodeCheck }[] = [];
  for (const filter of filters) {
    const check = filter.prepare(pod, nodes);
    if (check) checks.push({ name: filter.name, check });
  }
  const wanted = feasibleWanted(nodes.length);
  const feasible: NodeInfo[] = [];
  let looked = 0;
  for (; looked < nodes.length && feasible.length < wanted; looked++) {
    const info = nodes[(start + looked) % nodes.length] as NodeInfo;
    if (passes(info, checks, rejections)) feasible.push(info);
  }
  if (feasible.length === 0) return { unschedulable: rejections.explain(nodes.length) };
  return { node: best(pod, feasible, nodes, random).name, nextStart: (start + looked) % nodes.length };
}

function passes(
  info: NodeInfo,
  checks: readonly { readonly name: string; readonly check: NodeCheck }[],
  count: RejectionCount,
): boolean {
  for (const { name, check } of checks) {
    const rejected = check(info);
    if (!rejected) continue;
    count.add(name, rejected);
    return false;
  }
  return true;
}

function best(
  pod: PodInfo,
  feasible: readonly NodeInfo[],
  all: readonly NodeInfo[],
  random: Pick<Random, 'next'>,
): NodeInfo {
  const totals = new Float64Array(feasible.length);
  for (const score of scores) {
    const raw = score.score(pod, feasible, all);
    if (raw) addScaled(totals, raw, score);
  }
  let winner = 0;
  let ties = 1;
  for (let i = 1; i < totals.length; i++) {
    const difference = (totals[i] ?? 0) - (totals[winner] ?? 0);
    if (difference > 1e-9) {
      winner = i;
      ties = 1;
    } else if (difference > -1e-9 && random.next() * ++ties < 1) {
      winner = i;
    }
  }
  return feasible[winner] as NodeInfo;
}

function addScaled(totals: Float64Array, raw: readonly number[], score: Score): void {
  const highest = score.scale === 'asIs' ? 100 : Math.max(...raw);
  if (highest === 0 && score.scale !== 'lowest') return;
  for (let i = 0; i < raw.length; i++) {
    const value = raw[i] ?? 0;
    const scaled = score.scale === 'asIs' ? value : highest === 0 ? 100 : (value / highest) * 100;
    totals[i] = (totals[i] ?? 0) + score.weight * (score.scale === 'lowest' && highest !== 0 ? 100 - scaled : scaled);
  }
}
