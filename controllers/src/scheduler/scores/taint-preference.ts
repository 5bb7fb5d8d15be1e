import { type ContestScore, scaleToHighest } from '../cycle/score.ts';
import { isTolerated } from '../filters/tolerations.ts';

/** The fewer taints that the pod is only asked to avoid, the better. */
export const taintPreference: ContestScore = {
  name: 'TaintToleration',
  isLocal: false,
  score: ({ pod, cluster, feasible }, out) => {
    if (cluster.softTaintedNodes === 0) return false;
    const { tolerations } = pod.demand;
    for (const [i, { taints }] of feasible.entries()) {
      if (taints.length === 0) continue;
      out[i] = taints
        .filter(({ effect }) => effect === 'PreferNoSchedule')
        .filter((taint) => !isTolerated(taint, tolerations)).length;
    }
    scaleToHighest(out, true);
    return true;
  },
};
