import type { Score } from '../cycle/score.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
import { nodePreference } from './node-preference.ts';
import { podPreference } from './pod-preference.ts';
import { resourceFit } from './resource-strategies.ts';
import { spread } from './spread.ts';
import { taintPreference } from './taint-preference.ts';

export const scores: readonly Score[] = [
  taintPreference,
  nodePreference,
  resourceFit,
  balancedAllocation,
  spread,
  podPreference,
  imageLocality,
];

/** Weights that upstream's default profile gives; 1 for all others. */
export const defaultWeights: ReadonlyMap<string, number> = new Map([
  ['TaintToleration', 3],
  ['NodeAffinity', 2],
  ['PodTopologySpread', 2],
  ['InterPodAffinity', 2],
]);
