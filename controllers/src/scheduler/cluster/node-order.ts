import type { NodeInfo } from './node-info.ts';

const regionLabel = 'topology.kubernetes.io/region';
const zoneLabel = 'topology.kubernetes.io/zone';

/** One node of each zone in turn, so that a search that looks at a part of the nodes looks into every zone. */
export function inTurnByZone(nodes: readonly NodeInfo[]): NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>();
  for (const node of nodes) {
    const zone = `${node.labels[regionLabel] ?? ''}\0${node.labels[zoneLabel] ?? ''}`;
    const members = zones.get(zone);
    if (members) members.push(node);
    else zones.set(zone, [node]);
  }
  if (zones.size <= 1) return [...nodes];
  const lists = [...zones.values()];
  const ordered: NodeInfo[] = [];
  for (let i = 0; ordered.length < nodes.length; i++) {
    for (const list of lists) {
      const node = list[i];
      if (node) ordered.push(node);
    }
  }
  return ordered;
}
