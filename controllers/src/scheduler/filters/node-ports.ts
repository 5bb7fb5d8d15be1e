import type { NodeInfo } from '../cluster/node-info.ts';
import { type Filter, rejection } from '../cycle/filter.ts';
import type { HostPort } from '../pods/demand.ts';

const anyAddress = '0.0.0.0';
const taken = rejection("node(s) didn't have free ports for the requested pod ports", true);

function collide(a: HostPort, b: HostPort): boolean {
  return (
    a.port === b.port &&
    a.protocol === b.protocol &&
    (a.hostIp === b.hostIp || a.hostIp === anyAddress || b.hostIp === anyAddress)
  );
}

function areTaken(wanted: readonly HostPort[], { usedPorts }: NodeInfo): boolean {
  return usedPorts.some((used) => wanted.some((port) => collide(used, port)));
}

export const nodePorts: Filter = {
  name: 'NodePorts',
  isLocal: true,
  prepare: ({ demand: { hostPorts } }) =>
    hostPorts.length === 0
      ? undefined
      : { reject: (node) => (node.usedPorts.length > 0 && areTaken(hostPorts, node) ? taken : undefined) },
  mayHelp: ({ demand }, event) =>
    (event.kind === 'nodeAdded' || event.kind === 'podRemoved' || event.kind === 'nominationEnded') &&
    !areTaken(demand.hostPorts, event.node),
};
