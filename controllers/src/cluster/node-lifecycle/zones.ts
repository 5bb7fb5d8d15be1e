/**
 * How the zones of the cluster fare, counted as nodes change: what one node may suffer hangs on how the others do, and with thousands of
 * nodes nobody wants to ask them all.
 *
 * | zone                                      | a node is given up every   |
 * | ----------------------------------------- | -------------------------- |
 * | fewer than 3 or 55 % of its nodes fail    | 10 s                       |
 * | more, and it has more than 50 nodes       | 100 s                      |
 * | more, and it has no more                  | never                      |
 * | all of them, but not all of the cluster's | 10 s                       |
 * | all of the cluster's nodes fail           | never: it is us who are cut off |
 */
import type { Node, Taint } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';

export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const unreachableTaint = 'node.kubernetes.io/unreachable';

/** How a zone fares, as far as evicting from it is concerned. */
export interface Zone {
  readonly nodes: number;
  readonly notReady: number;
  /** When another node of it was last given up, milliseconds since the epoch. */
  readonly lastEvictionMs: number;
}

export interface Zones {
  readonly own: Zone;
  /** No node of the whole cluster is ready: it is us who cannot see, so nobody is evicted. */
  readonly isBlackout: boolean;
}

const restMs = 10_000;
const restMsInLargeOutage = 100_000;
const largeZoneNodes = 50;
const outageShare = 0.55;

/** Milliseconds until the next node of the zone may be given up; undefined while none may. */
export function nextEvictionInMs({ own, isBlackout }: Zones, nowMs: number): number | undefined {
  const rest = isBlackout ? undefined : restOf(own);
  return rest === undefined ? undefined : Math.max(0, own.lastEvictionMs + rest - nowMs);
}

/** Milliseconds between two nodes that are given up; undefined when none is. */
function restOf({ nodes, notReady }: Pick<Zone, 'nodes' | 'notReady'>): number | undefined {
  const isOutage = notReady > 2 && notReady < nodes && notReady / nodes >= outageShare;
  if (!isOutage) return restMs;
  return nodes > largeZoneNodes ? restMsInLargeOutage : undefined;
}

interface CountedZone {
  nodes: number;
  readonly notReady: Set<string>;
  lastEvictionMs: number;
  /** The node that was let go last; until it has its taint it need not wait for itself. */
  granted: string | undefined;
}

/** Nodes by zone. It hears of every change of a node, and answers whom that concerns besides. */
export class ZoneBook {
  readonly #zones = new Map<string, CountedZone>();
  #nodes = 0;
  #notReady = 0;

  /** Names of nodes that are not ready and fare differently, now that this one has changed. */
  note({ before, after }: Change<Node>): readonly string[] {
    const [from, to] = [before && zoneOf(before), after && zoneOf(after)];
    const wasReady = before && isNodeReady(before);
    const isReady = after && isNodeReady(after);
    if (after) this.#zone(to ?? '').lastEvictionMs = Math.max(this.#zone(to ?? '').lastEvictionMs, evictedMs(after));
    if (from === to && wasReady === isReady) return [];
    const touched = [...new Set([from, to].filter((zone) => zone !== undefined))];
    const pace = () => touched.map((zone) => restOf(this.#counted(zone)));
    const [wasBlackout, paceBefore] = [this.#isBlackout, pace()];
    if (before) this.#count(before, -1);
    if (after) this.#count(after, 1);
    const paceAfter = pace();
    if (wasBlackout !== this.#isBlackout) return [...this.#zones.values()].flatMap(({ notReady }) => [...notReady]);
    const changed = touched.filter((_, i) => paceBefore[i] !== paceAfter[i]);
    return changed.flatMap((zone) => [...this.#zone(zone).notReady]);
  }

  /**
   * How the zones fare for a node that is not ready. When it may be given up now, its zone then rests: two that are looked at
   * together are not given up together.
   */
  claim(node: Node, nowMs: number): Zones {
    const { name = '' } = node.metadata;
    const zone = this.#zone(zoneOf(node));
    const isGranted = zone.granted === name;
    const own = {
      nodes: zone.nodes,
      notReady: zone.notReady.size,
      lastEvictionMs: isGranted ? Number.NEGATIVE_INFINITY : zone.lastEvictionMs,
    };
    const zones = { own, isBlackout: this.#isBlackout };
    if (node.spec.taints?.some(isEvictionTaint)) {
      if (isGranted) zone.granted = undefined;
    } else if (!isGranted && nextEvictionInMs(zones, nowMs) === 0) {
      zone.granted = name;
      zone.lastEvictionMs = nowMs;
    }
    return zones;
  }

  get #isBlackout(): boolean {
    return this.#nodes > 0 && this.#notReady === this.#nodes;
  }

  #count(node: Node, sign: 1 | -1): void {
    const zone = this.#zone(zoneOf(node));
    const { name = '' } = node.metadata;
    zone.nodes += sign;
    this.#nodes += sign;
    if (isNodeReady(node)) return;
    this.#notReady += sign;
    if (sign === 1) zone.notReady.add(name);
    else zone.notReady.delete(name);
  }

  #counted(zone: string): Pick<Zone, 'nodes' | 'notReady'> {
    const { nodes, notReady } = this.#zone(zone);
    return { nodes, notReady: notReady.size };
  }

  #zone(name: string): CountedZone {
    let zone = this.#zones.get(name);
    if (!zone) {
      zone = { nodes: 0, notReady: new Set(), lastEvictionMs: Number.NEGATIVE_INFINITY, granted: undefined };
      this.#zones.set(name, zone);
    }
    return zone;
  }
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
  const labels = metadata.labels ?? {};
  const of = (what: string) =>
    labels[`topology.kubernetes.io/${what}`] ?? labels[`failure-domain.beta.kubernetes.io/${what}`];
  return `${of('region') ?? ''}/${of('zone') ?? ''}`;
}
