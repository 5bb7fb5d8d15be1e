import { createHash } from 'node:crypto';
import type { EndpointSlice, Node, Service } from '@slipway/api/types';

/**
 * Names of nodes, comma-separated: the first answers for the service's addresses, those behind it stand by, in this order,
 * for when it falls silent. Nodes read it; see `kubelet-agent/src/balancer`.
 */
export const announcersAnnotation = 'slipway.dev/announced-by';
/** One that answers and two that watch it: more only cost. */
const announcersMax = 3;
const excludedLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

/**
 * Pure: ranked by a hash of address and node, so that addresses spread over the nodes and one moves only when its own node
 * goes or comes. With externalTrafficPolicy Local only nodes with a pod of the service: others would drop what comes.
 */
export function announcersOf(
  { spec }: Service,
  ips: readonly string[],
  nodes: readonly Node[],
  slices: readonly EndpointSlice[],
): readonly string[] {
  const [ip] = ips;
  if (!ip) return [];
  const local = spec.externalTrafficPolicy === 'Local' ? nodesWithEndpoints(slices) : undefined;
  return nodes
    .filter(mayAnnounce)
    .map(({ metadata }) => metadata.name ?? '')
    .filter((name) => !local || local.has(name))
    .map((name) => ({ name, rank: createHash('sha256').update(`${ip} ${name}`).digest('hex') }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1))
    .slice(0, announcersMax)
    .map(({ name }) => name);
}

export function mayAnnounce({ metadata, status }: Node): boolean {
  const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  return isReady === true && !metadata.deletionTimestamp && metadata.labels?.[excludedLabel] === undefined;
}

/** With a ready endpoint; where no node has one, with one that still serves while it ends. */
function nodesWithEndpoints(slices: readonly EndpointSlice[]): ReadonlySet<string> {
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  const ready = endpoints.filter(({ conditions }) => conditions?.ready ?? true);
  const serving = endpoints.filter(({ conditions }) => conditions?.serving && conditions.terminating);
  return new Set((ready.length > 0 ? ready : serving).flatMap(({ nodeName }) => nodeName ?? []));
}
