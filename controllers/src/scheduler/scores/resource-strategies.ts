/** How full a node would be with the pod, as a score. Source: KubeSchedulerConfiguration, NodeResourcesFitArgs. */
import type { NodeInfo } from '../cluster/node-info.ts';
import { type LocalScore, scoreMax } from '../cycle/score.ts';
import type { FitStrategy, ResourceWeight, ShapePoint } from '../configuration/profile.ts';
import { amountOf } from '../pods/amounts.ts';
import type { PodInfo } from '../pods/pod-info.ts';

/** Whole numbers, as upstream computes them: equal nodes stay equal. */
type Rate = (used: number, allocatable: number) => number;

const leastAllocated: Rate = (used, allocatable) =>
  used > allocatable ? 0 : Math.floor(((allocatable - used) * scoreMax) / allocatable);

const mostAllocated: Rate = (used, allocatable) => Math.floor((Math.min(used, allocatable) * scoreMax) / allocatable);

/** Highest score of a shape. */
const shapeScoreMax = 10;

function ratio(shape: readonly ShapePoint[]): Rate {
  const points = shape.map(({ utilization, score }) => ({
    at: utilization,
    score: (score * scoreMax) / shapeScoreMax,
  }));
  return (used, allocatable) => {
    const at = used > allocatable ? 100 : Math.floor((used * 100) / allocatable);
    const next = points.findIndex((point) => at <= point.at);
    if (next === -1) return points.at(-1)?.score ?? 0;
    const to = points[next];
    const from = points[next - 1];
    if (!to) return 0;
    if (!from) return to.score;
    return Math.trunc(from.score + ((to.score - from.score) * (at - from.at)) / (to.at - from.at));
  };
}

/** What would be used of the resource, with the bit that is taken for granted where a container asks for nothing. */
function assumedUse(name: string, node: NodeInfo, { demand }: PodInfo): number {
  switch (name) {
    case 'cpu':
      return node.assumedCpu + demand.assumedUse.cpu;
    case 'memory':
      return node.assumedMemory + demand.assumedUse.memory;
    default:
      return amountOf(node.requested, name) + amountOf(demand.requests, name);
  }
}

/** A resource beyond those that every node has says nothing about a pod that does not ask for it. */
export function isCompared(name: string, { demand }: PodInfo): boolean {
  return name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || amountOf(demand.requests, name) > 0;
}

function rateOf(strategy: FitStrategy): Rate {
  if (strategy.type === 'RequestedToCapacityRatio') return ratio(strategy.shape);
  return strategy.type === 'MostAllocated' ? mostAllocated : leastAllocated;
}

/** Cpu and memory alone, with equal weights: what nearly every cluster has, without loops. */
function plainPoints({ demand }: PodInfo, rate: Rate): (node: NodeInfo) => number {
  const { cpu, memory } = demand.assumedUse;
  return ({ allocatable, assumedCpu, assumedMemory }) => {
    if (allocatable.cpu === 0 || allocatable.memory === 0) {
      if (allocatable.cpu > 0) return rate(assumedCpu + cpu, allocatable.cpu);
      return allocatable.memory > 0 ? rate(assumedMemory + memory, allocatable.memory) : 0;
    }
    return Math.floor((rate(assumedCpu + cpu, allocatable.cpu) + rate(assumedMemory + memory, allocatable.memory)) / 2);
  };
}

function weightedPoints(
  pod: PodInfo,
  resources: readonly ResourceWeight[],
  rate: Rate,
  isRatio: boolean,
): (node: NodeInfo) => number {
  return (node) => {
    let sum = 0;
    let weights = 0;
    for (const { name, weight } of resources) {
      const allocatable = amountOf(node.allocatable, name);
      if (allocatable === 0) continue;
      const score = rate(assumedUse(name, node, pod), allocatable);
      if (isRatio && score <= 0) continue;
      sum += score * weight;
      weights += weight;
    }
    if (weights === 0) return 0;
    return isRatio ? Math.round(sum / weights) : Math.floor(sum / weights);
  };
}

export const resourceFit: LocalScore = {
  name: 'NodeResourcesFit',
  isLocal: true,
  prepare: (pod, { fitStrategy }) => {
    const rate = rateOf(fitStrategy);
    const isRatio = fitStrategy.type === 'RequestedToCapacityRatio';
    const resources = fitStrategy.resources.filter(({ name }) => isCompared(name, pod));
    const isPlain =
      resources.length === 2 &&
      resources[0]?.name === 'cpu' &&
      resources[1]?.name === 'memory' &&
      resources[0].weight === resources[1].weight;
    return isPlain && !isRatio ? plainPoints(pod, rate) : weightedPoints(pod, resources, rate, isRatio);
  },
};
