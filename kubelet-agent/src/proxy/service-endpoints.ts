import type { Endpoint, EndpointSlice, ServicePort } from '@slipway/api/types';
import type { Family } from './ruleset.ts';

/** One place where a service port is answered. */
export interface Backend {
  readonly address: string;
  readonly port: number;
  readonly isLocal: boolean;
  /** Name of the pod, when it is one; empty otherwise. */
  readonly pod: string;
}

interface Candidate extends Backend {
  readonly isReady: boolean;
  readonly isServingTerminating: boolean;
  readonly hints: Endpoint['hints'];
}

/** Where the proxy runs. */
export interface ProxyPlace {
  readonly nodeName: string;
  /** The node's `topology.kubernetes.io/zone`. */
  readonly zone?: string | undefined;
}

export interface Backends {
  /** After hints about nearness. */
  readonly all: readonly Backend[];
  /** Those on this node. */
  readonly local: readonly Backend[];
}

/**
 * Pure: who answers a port. Ready endpoints; when there are none, those that still serve while they terminate, so that a
 * rollout of a single replica loses no connection. The choice is made for all and for the local ones separately.
 */
export function backendsOf(
  port: ServicePort,
  family: Family,
  slices: readonly EndpointSlice[],
  { nodeName, zone }: ProxyPlace,
): Backends {
  const candidates = dedupe(
    slices
      .filter((slice) => slice.addressType === `IPv${family}`)
      .flatMap((slice) => candidatesOf(slice, port, nodeName)),
  );
  const all = nearby(usable(candidates), { nodeName, zone });
  return { all, local: usable(candidates.filter((each) => each.isLocal)) };
}

function candidatesOf(slice: EndpointSlice, port: ServicePort, nodeName: string): readonly Candidate[] {
  const found = (slice.ports ?? []).find(
    (each) => (each.name ?? '') === (port.name ?? '') && (each.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
  );
  const number = found?.port;
  if (number === undefined || number === null) return [];
  return (slice.endpoints ?? []).flatMap((endpoint) => candidateOf(endpoint, number, nodeName));
}

function candidateOf(endpoint: Endpoint, port: number, self: string): readonly Candidate[] {
  const { addresses, conditions, nodeName, targetRef, hints } = endpoint;
  const address = addresses?.[0]; // the others are never used, says the API
  if (!address) return [];
  const isReady = conditions?.ready ?? true;
  const isServing = conditions?.serving ?? isReady;
  const isServingTerminating = isServing && (conditions?.terminating ?? false);
  const pod = targetRef?.kind === 'Pod' ? (targetRef.name ?? '') : '';
  return [{ address, port, isLocal: nodeName === self, pod, isReady, isServingTerminating, hints }];
}

/**
 * Hints are followed only when every endpoint has them and some are for here: otherwise somebody would get no traffic, or
 * nobody could be reached.
 */
function nearby(candidates: readonly Candidate[], { nodeName, zone }: ProxyPlace): readonly Candidate[] {
  if (candidates.length === 0) return candidates;
  if (candidates.every(({ hints }) => hints?.forNodes?.length)) {
    const here = candidates.filter(({ hints }) => hints?.forNodes?.some(({ name }) => name === nodeName));
    if (here.length > 0) return here;
  }
  if (!zone || !candidates.every(({ hints }) => hints?.forZones?.length)) return candidates;
  const here = candidates.filter(({ hints }) => hints?.forZones?.some(({ name }) => name === zone));
  return here.length > 0 ? here : candidates;
}

function usable(candidates: readonly Candidate[]): readonly Candidate[] {
  const ready = candidates.filter((each) => each.isReady);
  return ready.length > 0 ? ready : candidates.filter((each) => each.isServingTerminating);
}

/** Sorted, so that the same endpoints make the same chain. An endpoint may be in two slices while one is rewritten. */
function dedupe(candidates: readonly Candidate[]): readonly Candidate[] {
  const byPlace = new Map<string, Candidate>();
  for (const each of candidates) {
    const place = `${each.address} ${each.port}`;
    const known = byPlace.get(place);
    if (!known || (each.isReady && !known.isReady)) byPlace.set(place, each);
  }
  return [...byPlace].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}
