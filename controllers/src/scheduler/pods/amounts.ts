/** Amounts of resources as plain numbers, so that a node is checked with comparisons alone. */
import { podRequests } from '@slipway/api/pod-resources';
import { type Quantity, quantityMilliValue, quantityValue, tryParseQuantity } from '@slipway/api/quantity';
import type { Container, PodSpec } from '@slipway/api/types';

export interface Amounts {
  /** Thousandths of a core. */
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
  /** Bytes. */
  readonly ephemeralStorage: number;
  /** All other resources by name, in their base unit. */
  readonly others: ReadonlyMap<string, number>;
}

/** What a container that asks for nothing is taken to use when nodes are ranked (upstream's figures). */
const unaskedCpu = '100m';
const unaskedMemory = '200Mi';

const noOthers: ReadonlyMap<string, number> = new Map();

export const noAmounts: Amounts = { cpu: 0, memory: 0, ephemeralStorage: 0, others: noOthers };

export function amountOf(amounts: Amounts, resource: string): number {
  switch (resource) {
    case 'cpu':
      return amounts.cpu;
    case 'memory':
      return amounts.memory;
    case 'ephemeral-storage':
      return amounts.ephemeralStorage;
    default:
      return amounts.others.get(resource) ?? 0;
  }
}

/** `pods` is no amount that a pod asks for: it is counted. */
export function amountsFrom(list: Readonly<Record<string, string>> | undefined): Amounts {
  if (!list) return noAmounts;
  const quantities = new Map<string, Quantity>();
  for (const name in list) {
    const quantity = tryParseQuantity(list[name] ?? '');
    if (quantity) quantities.set(name, quantity);
  }
  return fromQuantities(quantities);
}

/** What the pod takes up on its node: containers, init containers, sidecars, pod-level resources and overhead. */
export function requestsOf(spec: PodSpec): Amounts {
  return fromQuantities(podRequests(spec));
}

/** As `requestsOf`, with a bit of cpu and memory for each container that asks for none, so that such pods spread too. */
export function assumedUseOf(spec: PodSpec): { readonly cpu: number; readonly memory: number } {
  const filled = (container: Container): Container => ({
    ...container,
    resources: { requests: { cpu: unaskedCpu, memory: unaskedMemory, ...container.resources?.requests } },
  });
  const { cpu, memory } = requestsOf({
    ...spec,
    containers: (spec.containers ?? []).map(filled),
    initContainers: (spec.initContainers ?? []).map(filled),
  });
  return { cpu, memory };
}

function fromQuantities(quantities: ReadonlyMap<string, Quantity>): Amounts {
  const value = (name: string) => {
    const quantity = quantities.get(name);
    return quantity ? Number(quantityValue(quantity)) : 0;
  };
  const cpu = quantities.get('cpu');
  const others = new Map<string, number>();
  for (const name of quantities.keys()) if (!isOwnField(name)) others.set(name, value(name));
  return {
    cpu: cpu ? Number(quantityMilliValue(cpu)) : 0,
    memory: value('memory'),
    ephemeralStorage: value('ephemeral-storage'),
    others: others.size === 0 ? noOthers : others,
  };
}

function isOwnField(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || name === 'pods';
}

/** A sum that pods are added to and taken from. */
export class AmountsSum implements Amounts {
  cpu = 0;
  memory = 0;
  ephemeralStorage = 0;
  #others: Map<string, number> | undefined;

  get others(): ReadonlyMap<string, number> {
    return this.#others ?? noOthers;
  }

  add(amounts: Amounts, sign: 1 | -1): void {
    this.cpu += sign * amounts.cpu;
    this.memory += sign * amounts.memory;
    this.ephemeralStorage += sign * amounts.ephemeralStorage;
    if (amounts.others.size === 0) return;
    this.#others ??= new Map();
    for (const [name, amount] of amounts.others) {
      const sum = (this.#others.get(name) ?? 0) + sign * amount;
      if (sum === 0) this.#others.delete(name);
      else this.#others.set(name, sum);
    }
  }

  copy(): AmountsSum {
    const copy = new AmountsSum();
    copy.cpu = this.cpu;
    copy.memory = this.memory;
    copy.ephemeralStorage = this.ephemeralStorage;
    if (this.#others) copy.#others = new Map(this.#others);
    return copy;
  }
}
