import type { Filter, Rejection } from '../filter.ts';

/** Room that a node offers when its status names no number of pods. */
const podsMaxDefault = 110;

export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  wokenBy: ['nodeAdded', 'nodeChanged', 'podRemoved'],
  prepare: (pod) => (info) => {
    const rejections: Rejection[] = [];
    if (info.pods.size + 1 > (info.allocatable.get('pods') ?? podsMaxDefault))
      rejections.push({ reason: 'Too many pods', resolvable: true });
    for (const [name, amount] of pod.requests) {
      if (amount === 0) continue;
      const allocatable = info.allocatable.get(name) ?? 0;
      if (amount > allocatable - (info.requested.get(name) ?? 0)) {
        rejections.push({ reason: `Insufficient ${name}`, resolvable: amount <= allocatable });
      }
    }
    return rejections.length === 0 ? undefined : rejections;
  },
};
