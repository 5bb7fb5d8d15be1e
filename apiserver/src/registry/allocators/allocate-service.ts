import { StatusError } from '@slipway/api/status-error';
import type { Service, ServicePort } from '@slipway/api/types';
import { invalid, invalidError } from '@slipway/api/validation/field-error';
import type { Random } from '@slipway/kit/random';
import type { StoredObject } from '../../storage/object-store.ts';
import type { Allocation } from '../strategy.ts';
import { type Claims, type Item, itemsOf } from './claims.ts';
import { heldBy } from './holdings.ts';
import { alreadyAllocated } from './cluster-ip-allocator.ts';
import { portAlreadyAllocated } from './node-port-allocator.ts';
import type { ServiceAllocators } from './service-allocators.ts';

/** Nothing was taken and nothing is to be given back. */
const nothingHeld: Allocation = { commit: async () => {}, rollback: async () => {} };

/** So often another server was faster before it is said that the range is full: each time its choice is remembered. */
const lostRacesMax = 32;

/**
 * Takes what the draft asks for or needs and fills it in; what the old version holds already is kept. Throws StatusError Invalid with
 * upstream's texts, having given back what it took. A dry run finds out the same and takes nothing.
 */
export async function allocateService(
  allocators: ServiceAllocators,
  draft: Service | undefined,
  old: Service | undefined,
  { random, dryRun }: { readonly random: Random; readonly dryRun: boolean },
): Promise<Allocation> {
  const { claims } = allocators;
  const asked = draft && structuredClone(draft.spec);
  for (let lost = 0; ; lost++) {
    const request = reserve(allocators, draft, old, random);
    if (dryRun) {
      request.rollback();
      return nothingHeld;
    }
    if (!claims) return heldInMemory(request, draft);
    const claimed = draft ? await claimAll(claims, request, draft) : { claims: [], refused: [] };
    if (claimed.refused.length === 0) return heldByClaims(claims, request, draft, old, claimed.claims);
    await Promise.all(claimed.claims.map(({ stored }) => claims.undo(stored)));
    request.rollback(claimed.refused);
    const refusedAsked = draft && claimed.refused.map((item) => request.refusalOf(item, draft)).find(Boolean);
    if (refusedAsked) throw refusedAsked;
    if (lost === lostRacesMax) throw new StatusError('InternalError', rangeIsFull('serviceIP or nodePort'));
    if (draft && asked) draft.spec = structuredClone(asked);
  }
}

/** In this process's memory, in one synchronous step. */
function reserve(
  allocators: ServiceAllocators,
  draft: Service | undefined,
  old: Service | undefined,
  random: Random,
): AllocationRequest {
  const request = new AllocationRequest(allocators, old, random);
  if (!draft) return request;
  try {
    request.takeAddress(draft);
    request.takePorts(draft);
    request.takeHealthCheckPort(draft);
    return request;
  } catch (error) {
    request.rollback();
    throw error;
  }
}

function heldInMemory(request: AllocationRequest, draft: Service | undefined): Allocation {
  return {
    commit: async () => request.releaseAllBut(heldBy(draft)),
    rollback: async () => request.rollback(),
  };
}

interface Claimed {
  readonly item: Item;
  readonly stored: StoredObject;
}

/** All at once. When the store fails, what was claimed is left to repair: it may be that the store cannot be asked to take it back. */
async function claimAll(
  claims: Claims,
  request: AllocationRequest,
  draft: Service,
): Promise<{ readonly claims: readonly Claimed[]; readonly refused: readonly Item[] }> {
  const taken = await Promise.all(
    request.newItems().map(async (item) => ({ item, stored: await claims.take(item, draft) })),
  );
  return {
    claims: taken.flatMap(({ item, stored }) => (stored ? [{ item, stored }] : [])),
    refused: taken.flatMap(({ item, stored }) => (stored ? [] : [item])),
  };
}

function heldByClaims(
  claims: Claims,
  request: AllocationRequest,
  draft: Service | undefined,
  old: Service | undefined,
  claimed: readonly Claimed[],
): Allocation {
  return {
    commit: async () => {
      const kept = new Set(itemsOf(draft).map(keyOf));
      const freed = itemsOf(old).filter((item) => !kept.has(keyOf(item)));
      if (old) await Promise.all(freed.map((item) => claims.release(item, old)));
      request.releaseAllBut(heldBy(draft));
    },
    rollback: async (current) => {
      // What is stored under the name may be another request's Service, with the same asked-for address.
      const held = new Set(itemsOf(current as Service | undefined).map(keyOf));
      await Promise.all(claimed.filter(({ item }) => !held.has(keyOf(item))).map(({ stored }) => claims.undo(stored)));
      request.rollback(claimed.flatMap(({ item }) => (held.has(keyOf(item)) ? [item] : [])));
    },
  };
}

function keyOf({ kind, name }: Item): string {
  return `${kind} ${name}`;
}

function rangeIsFull(what: string): string {
  return `Internal error occurred: failed to allocate a ${what}: range is full`;
}

class AllocationRequest {
  readonly #allocators: ServiceAllocators;
  readonly #random: Random;
  readonly #before: ReturnType<typeof heldBy>;
  readonly #newAddresses = new Set<string>();
  readonly #newPorts = new Set<number>();
  /** What of the new was asked for, with what is said when it cannot be had. */
  readonly #asked = new Map<string, { readonly path: string; readonly value: unknown; readonly detail: string }>();

  constructor(allocators: ServiceAllocators, old: Service | undefined, random: Random) {
    this.#allocators = allocators;
    this.#random = random;
    this.#before = heldBy(old);
  }

  takeAddress(draft: Service): void {
    const { spec } = draft;
    if (spec.type === 'ExternalName' || spec.clusterIPs?.[0] === 'None') return;
    const asked = spec.clusterIPs?.[0];
    if (asked) this.#takeAskedAddress(draft, asked);
    else {
      const address = this.#allocators.clusterIps.takeAny(this.#random);
      if (address === undefined) {
        throw new StatusError('InternalError', rangeIsFull('serviceIP'));
      }
      this.#newAddresses.add(address);
      spec.clusterIP = address;
      spec.clusterIPs = [address];
    }
  }

  #takeAskedAddress(draft: Service, address: string): void {
    if (this.#before.addresses.has(address)) return;
    const problem = this.#allocators.clusterIps.take(address);
    const refuse = (text: string) => ({
      path: 'spec.clusterIPs',
      value: draft.spec.clusterIPs,
      detail: `failed to allocate IP ${address}: ${text}`,
    });
    // Where claims decide, this memory may be behind them.
    if (problem === undefined || (this.#allocators.claims && problem === alreadyAllocated)) {
      this.#newAddresses.add(address);
      this.#asked.set(keyOf({ kind: 'address', name: address }), refuse(alreadyAllocated));
      return;
    }
    throw refusal(draft, refuse(problem));
  }

  /** Ports of one number but several protocols share a node port. */
  takePorts(draft: Service): void {
    const { type, ports = [], allocateLoadBalancerNodePorts } = draft.spec;
    if (type !== 'NodePort' && type !== 'LoadBalancer') return;
    const byPort = new Map<number, number>();
    ports.forEach((port, i) => {
      if (!port.nodePort && type === 'LoadBalancer' && allocateLoadBalancerNodePorts === false) return;
      const shared = byPort.get(port.port);
      if (shared !== undefined && !port.nodePort) {
        port.nodePort = shared;
        return;
      }
      const asked = port.nodePort || askedBySibling(port, ports);
      if (asked) this.#takeAskedPort(draft, asked, `spec.ports[${i}].nodePort`);
      const nodePort = asked || this.#takeAnyPort('nodePort');
      // What has one already may be the stored version itself, as when only the status is written.
      if (port.nodePort !== nodePort) port.nodePort = nodePort;
      byPort.set(port.port, nodePort);
    });
  }

  takeHealthCheckPort(draft: Service): void {
    const { spec } = draft;
    if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return;
    if (spec.healthCheckNodePort) this.#takeAskedPort(draft, spec.healthCheckNodePort, 'spec.healthCheckNodePort');
    else spec.healthCheckNodePort = this.#takeAnyPort('HealthCheck NodePort');
  }

  #takeAskedPort(draft: Service, port: number, path: string): void {
    if (this.#before.ports.has(port) || this.#newPorts.has(port)) return;
    const problem = this.#allocators.nodePorts.take(port);
    if (problem !== undefined && !(this.#allocators.claims && problem === portAlreadyAllocated)) {
      throw refusal(draft, { path, value: port, detail: problem });
    }
    this.#newPorts.add(port);
    const detail = portAlreadyAllocated;
    this.#asked.set(keyOf({ kind: 'port', name: String(port) }), { path, value: port, detail });
  }

  #takeAnyPort(what: string): number {
    const port = this.#allocators.nodePorts.takeAny(this.#random);
    if (port === undefined) {
      throw new StatusError('InternalError', rangeIsFull(what));
    }
    this.#newPorts.add(port);
    return port;
  }

  /** What this request took, in memory so far. */
  newItems(): Item[] {
    return [
      ...Array.from(this.#newAddresses, (name): Item => ({ kind: 'address', name })),
      ...Array.from(this.#newPorts, (port): Item => ({ kind: 'port', name: String(port) })),
    ];
  }

  /** Undefined when nobody asked for just this one: another will do. */
  refusalOf(item: Item, draft: Service): StatusError | undefined {
    const asked = this.#asked.get(keyOf(item));
    return asked && refusal(draft, asked);
  }

  /** Some of it is known to be somebody else's: that stays taken. */
  rollback(others: readonly Item[] = []): void {
    const stay = new Set(others.map(({ name }) => name));
    for (const address of this.#newAddresses) {
      if (!stay.has(address)) this.#allocators.clusterIps.release(address);
    }
    for (const port of this.#newPorts) if (!stay.has(String(port))) this.#allocators.nodePorts.release(port);
    this.#newAddresses.clear();
    this.#newPorts.clear();
  }

  releaseAllBut(after: ReturnType<typeof heldBy>): void {
    for (const address of this.#before.addresses) {
      if (!after.addresses.has(address)) this.#allocators.clusterIps.release(address);
    }
    for (const port of this.#before.ports) if (!after.ports.has(port)) this.#allocators.nodePorts.release(port);
  }
}

function askedBySibling(port: ServicePort, ports: readonly ServicePort[]): number {
  return ports.find((sibling) => sibling.port === port.port && sibling.nodePort)?.nodePort ?? 0;
}

function refusal(
  draft: Service,
  { path, value, detail }: { readonly path: string; readonly value: unknown; readonly detail: string },
): StatusError {
  return invalidError('Service', '', draft.metadata.name ?? '', [invalid(path, value, detail)]);
}
