import type { Filter } from '../filter.ts';

export const nodeName: Filter = {
  name: 'NodeName',
  wokenBy: ['nodeAdded'],
  prepare: (pod) => {
    const wanted = pod.pod.spec.nodeName;
    if (!wanted) return undefined;
    return (info) =>
      info.name === wanted
        ? undefined
        : [{ reason: "node(s) didn't match the requested node name", resolvable: false }];
  },
};
