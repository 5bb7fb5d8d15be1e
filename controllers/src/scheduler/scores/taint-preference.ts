import { isTolerated } from '../filters/taints.ts';
import type { Score } from '../score.ts';

export const taintPreference: Score = {
  name: 'TaintToleration',
  weight: 3,
  scale: 'lowest',
  score: (pod, nodes) => {
    const disliked = nodes.map(
      (info) =>
        (info.node?.spec.taints ?? []).filter(
          (taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(taint, pod.tolerations),
        ).length,
    );
    return disliked.some((count) => count > 0) ? disliked : undefined;
  },
};
