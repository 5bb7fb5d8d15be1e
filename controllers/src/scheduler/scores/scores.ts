import type { Score } from '../score.ts';
import { balancedAllocation } from './balanced-allocation.ts';
import { imageLocality } from './image-locality.ts';
import { leastAllocated } from './least-allocated.ts';
import { nodePreference } from './node-preference.ts';
import { podPreference } from './pod-preference.ts';
import { spread } from './spread.ts';
import { taintPreference } from './taint-preference.ts';

export const scores: readonly Score[] = [
  taintPreference,
  nodePreference,
  leastAllocated,
  balancedAllocation,
  spread,
  podPreference,
  imageLocality,
];
