import type { Filter } from '../filter.ts';
import type { HostPort } from '../pod-info.ts';

const anyAddress = '0.0.0.0';

function collide(a: HostPort, b: HostPort): boolean {
  return (
    a.port === b.port &&
    a.protocol === b.protocol &&
    (a.hostIp === b.hostIp || a.hostIp === anyAddress || b.hostIp === anyAddress)
  );
}

export const nodePorts: Filter = {
  name: 'NodePorts',
  wokenBy: ['nodeAdded', 'podRemoved'],
  prepare: (pod) => {
    if (pod.hostPorts.length === 0) return undefined;
    return (info) =>
      info.usedPorts.some((used) => pod.hostPorts.some((wanted) => collide(used, wanted)))
        ? [{ reason: "node(s) didn't have free ports for the requested pod ports", resolvable: true }]
        : undefined;
  },
};
