import type { NodeInfo } from '../node-info.ts';
import type { PodInfo } from '../pod-info.ts';
import type { Score } from '../score.ts';

/** What a pod that asks for nothing is taken to use, so that such pods spread too (upstream's figures). */
const unaskedCpuMilli = 100;
const unaskedMemoryBytes = 200 * 1024 * 1024;

/** The used part of cpu and memory after placing the pod, 0 to 1 each. */
export function usedFractions(pod: PodInfo, info: NodeInfo): { readonly cpu: number; readonly memory: number } {
  const fraction = (name: string, unasked: number) => {
    const allocatable = info.allocatable.get(name) ?? 0;
    if (allocatable <= 0) return 1;
    const own = pod.requests.get(name) || unasked;
    return Math.min(((info.requested.get(name) ?? 0) + own) / allocatable, 1);
  };
  return { cpu: fraction('cpu', unaskedCpuMilli), memory: fraction('memory', unaskedMemoryBytes) };
}

export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  scale: 'asIs',
  score: (pod, nodes) =>
    nodes.map((info) => {
      const { cpu, memory } = usedFractions(pod, info);
      return (1 - (cpu + memory) / 2) * 100;
    }),
};
