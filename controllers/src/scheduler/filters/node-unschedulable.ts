import type { Filter } from '../filter.ts';
import { isTolerated } from './taints.ts';

const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  wokenBy: ['nodeAdded', 'nodeChanged'],
  prepare: (pod) => {
    if (isTolerated(taint, pod.tolerations)) return undefined;
    return (info) =>
      info.node?.spec.unschedulable ? [{ reason: 'node(s) were unschedulable', resolvable: false }] : undefined;
  },
};
