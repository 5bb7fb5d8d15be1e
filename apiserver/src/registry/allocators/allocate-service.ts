import { StatusError } from '@slipway/api/status-error';
import type { Service, ServicePort } from '@slipway/api/types';
import { invalid, invalidError } from '@slipway/api/validation/field-error';
import type { Random } from '@slipway/kit/random';
import type { Allocation } from '../strategy.ts';
import { heldBy, type ServiceAllocators } from './service-allocators.ts';

/** Nothing was taken and nothing is to be given back. */
const nothingHeld: Allocation = { commit() {}, rollback() {} };

/**
 * Takes what the draft asks for or needs and fills it in; what the old version holds already is kept. Throws StatusError Invalid with
 * upstream's texts, having given back what it took. A dry run finds out the same and takes nothing.
 */
export function allocateService(
  allocators: ServiceAllocators,
  draft: Service | undefined,
  old: Service | undefined,
  { random, dryRun }: { readonly random: Random; readonly dryRun: boolean },
): Allocation {
  const request = new AllocationRequest(allocators, old, random);
  if (draft) {
    try {
      request.takeAddress(draft);
      request.takePorts(draft);
      request.takeHealthCheckPort(draft);
    } catch (error) {
      request.rollback();
      throw error;
    }
  }
  if (dryRun) {
    request.rollback();
    return nothingHeld;
  }
  const after = heldBy(draft);
  return { commit: () => request.releaseAllBut(after), rollback: () => request.rollback() };
}

class AllocationRequest {
  readonly #allocators: ServiceAllocators;
  readonly #random: Random;
  readonly #before: ReturnType<typeof heldBy>;
  readonly #newAddresses = new Set<string>();
  readonly #newPorts = new Set<number>();

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
        throw new StatusError(
          'InternalError',
          'Internal error occurred: failed to allocate a serviceIP: range is full',
        );
      }
      this.#newAddresses.add(address);
      spec.clusterIP = address;
      spec.clusterIPs = [address];
    }
  }

  #takeAskedAddress(draft: Service, address: string): void {
    if (this.#before.addresses.has(address)) return;
    const problem = this.#allocators.clusterIps.take(address);
    if (problem === undefined) {
      this.#newAddresses.add(address);
      return;
    }
    const detail = `failed to allocate IP ${address}: ${problem}`;
    throw refusal(draft, 'spec.clusterIPs', draft.spec.clusterIPs, detail);
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
      port.nodePort = asked || this.#takeAnyPort('nodePort');
      byPort.set(port.port, port.nodePort);
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
    if (problem !== undefined) throw refusal(draft, path, port, problem);
    this.#newPorts.add(port);
  }

  #takeAnyPort(what: string): number {
    const port = this.#allocators.nodePorts.takeAny(this.#random);
    if (port === undefined) {
      const message = `Internal error occurred: failed to allocate a ${what}: range is full`;
      throw new StatusError('InternalError', message);
    }
    this.#newPorts.add(port);
    return port;
  }

  rollback(): void {
    for (const address of this.#newAddresses) this.#allocators.clusterIps.release(address);
    for (const port of this.#newPorts) this.#allocators.nodePorts.release(port);
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

function refusal(draft: Service, path: string, value: unknown, detail: string): StatusError {
  return invalidError('Service', '', draft.metadata.name ?? '', [invalid(path, value, detail)]);
}
