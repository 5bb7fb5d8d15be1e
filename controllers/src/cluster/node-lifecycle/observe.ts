import type { Node, Pod } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import type { FirstSeen } from '../first-seen.ts';
import { isNodeReady, type ZoneBook, type Zones } from './zones.ts';

export const leaseNamespace = 'kube-node-lease';

/** Cache index of pods by their node. */
export const nodeIndex = 'by-node';

export function nodeOfPod({ spec }: Pod): readonly string[] {
  return spec.nodeName ? [spec.nodeName] : [];
}

export interface ObservedNode {
  readonly node: Node;
  /** When we last saw a sign of life: a renewed lease or a posted status, by our own clock. */
  readonly aliveMs: number;
  readonly pods: readonly Pod[];
  readonly zones: Zones;
}

/** What no object says: signs of life by our own clock, and how the other nodes fare. */
export interface NodeMemory {
  readonly signs: FirstSeen;
  readonly zones: ZoneBook;
}

const healthy: Zones = { own: { nodes: 1, notReady: 0, lastEvictionMs: 0 }, isBlackout: false };

export function observeNode(
  key: ObjectKey,
  caches: Caches,
  { signs, zones }: NodeMemory,
  nowMs: number,
): ObservedNode | undefined {
  const node = caches.get(kinds.nodes, key);
  if (!node) {
    signs.forget(key);
    return undefined;
  }
  const lease = caches.get(kinds.leases, `${leaseNamespace}/${key}`);
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  // Only that a sign changed is looked at, never its time: the node's clock may be wrong.
  const sign = `${node.metadata.uid} ${lease?.spec.renewTime ?? ''} ${ready?.lastHeartbeatTime ?? ''}`;
  const isReady = isNodeReady(node);
  return {
    node,
    aliveMs: signs.since(key, sign, nowMs),
    pods: isReady ? [] : caches.byIndex(kinds.pods, nodeIndex, key),
    zones: isReady ? healthy : zones.claim(node, nowMs),
  };
}
