import type { Node } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Plan, Step } from '../../runtime/step.ts';
import { FreeNetworks, type NodeNetworks } from './node-networks.ts';

/**
 * Gives every node without one a part of the cluster's addresses, the first that is free. All nodes are planned
 * together, so that two that come at once never get the same part. What a node has it keeps. Pure.
 */
export function planNodeIpam(nodes: readonly Node[], networks: NodeNetworks): Plan {
  const waiting = nodes.filter(({ spec, metadata }) => !spec.podCIDR && !metadata.deletionTimestamp);
  if (waiting.length === 0) return { steps: [], status: 'unchanged' };
  const free = new FreeNetworks(
    networks,
    nodes.flatMap(({ spec }) => spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : [])),
  );
  const steps: Step[] = [];
  for (const node of waiting.toSorted(byAge)) {
    const podCIDR = free.take();
    if (!podCIDR) {
      steps.push({ op: 'event', about: node, type: 'Normal', reason: 'CIDRNotAvailable', message: noneLeft(node) });
      continue;
    }
    const patch = { spec: { podCIDR, podCIDRs: [podCIDR] } };
    steps.push({ op: 'patch', kind: kinds.nodes, target: node, patch, evenIfChanged: true });
  }
  return { steps, status: 'unchanged' };
}

function noneLeft({ metadata }: Node): string {
  return `Node ${metadata.name} status is now: CIDRNotAvailable`;
}

/** Older nodes first, then by name: the same order whatever the cache's. */
function byAge(a: Node, b: Node): number {
  const [x, y] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`);
  return (x ?? '') < (y ?? '') ? -1 : 1;
}
