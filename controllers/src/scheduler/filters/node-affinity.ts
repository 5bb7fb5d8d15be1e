import type { Filter } from '../filter.ts';

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  wokenBy: ['nodeAdded', 'nodeChanged'],
  prepare: (pod) => {
    const { nodeMatches } = pod;
    if (!nodeMatches) return undefined;
    return (info) =>
      info.node && nodeMatches(info.node)
        ? undefined
        : [{ reason: "node(s) didn't match Pod's node affinity/selector", resolvable: false }];
  },
};
