import type { Node, Taint } from '@slipway/api/types';

export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';

/** How a zone fares, as far as evicting from it is concerned. */
export interface Zone {
  readonly nodes: number;
  readonly notReady: number;
  /** When a node of it was last given up, milliseconds since the epoch. */
  readonly lastEvictionMs: number;
}

export interface Zones {
  readonly own: Zone;
  /** No node of the whole cluster is ready: it is us who cannot see, so nobody is evicted. */
  readonly isBlackout: boolean;
}

/** One node at a time is given up; a zone of which most fails is given up slower, if it is large, or not at all. */
const restMs = 10_000;
const restMsInLargeOutage = 100_000;
const largeZoneNodes = 50;
const outageShare = 0.55;

export function zonesOf(node: Node, all: readonly Node[]): Zones {
  const own = zoneOf(node);
  const inZone = all.filter((other) => zoneOf(other) === own);
  return {
    own: {
      nodes: inZone.length,
      notReady: inZone.filter((other) => !isNodeReady(other)).length,
      lastEvictionMs: Math.max(Number.NEGATIVE_INFINITY, ...inZone.map(evictedMs)),
    },
    isBlackout: all.every((other) => !isNodeReady(other)),
  };
}

/** Milliseconds until the next node of the zone may be given up; undefined while none may. */
export function nextEvictionInMs({ own, isBlackout }: Zones, nowMs: number): number | undefined {
  if (isBlackout) return undefined;
  const isOutage = own.notReady > 2 && own.notReady < own.nodes && own.notReady / own.nodes >= outageShare;
  if (isOutage && own.nodes <= largeZoneNodes) return undefined;
  return Math.max(0, own.lastEvictionMs + (isOutage ? restMsInLargeOutage : restMs) - nowMs);
}

export function isNodeReady({ status }: Node): boolean {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
}

export function isEvictionTaint({ key, effect }: Taint): boolean {
  return effect === 'NoExecute' && (key === notReadyTaint || key === unreachableTaint);
}

function evictedMs({ spec }: Node): number {
  const taint = spec.taints?.find(isEvictionTaint);
  return taint?.timeAdded ? Date.parse(taint.timeAdded) : Number.NEGATIVE_INFINITY;
}

function zoneOf({ metadata }: Node): string {
  const { labels } = metadata;
  return `${labels?.['topology.kubernetes.io/region'] ?? ''}/${labels?.['topology.kubernetes.io/zone'] ?? ''}`;
}
