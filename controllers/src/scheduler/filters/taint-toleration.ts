import type { Filter } from '../filter.ts';
import { untolerated } from './taints.ts';

export const taintToleration: Filter = {
  name: 'TaintToleration',
  wokenBy: ['nodeAdded', 'nodeChanged'],
  prepare: (pod) => (info) => {
    const taints = info.node?.spec.taints;
    if (!taints || taints.length === 0) return undefined;
    const taint = untolerated(taints, pod.tolerations, ['NoSchedule', 'NoExecute']);
    return (
      taint && [{ reason: `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`, resolvable: false }]
    );
  },
};
