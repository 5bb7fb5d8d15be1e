import type { NodeInfo } from '../cluster/node-info.ts';
import { type Filter, type NodeCheck, type Rejection, rejection } from '../cycle/filter.ts';
import { type Amounts, amountOf } from '../pods/amounts.ts';

const tooManyPods = 'Too many pods';
const onlyCpu = rejection('Insufficient cpu', true);
const onlyMemory = rejection('Insufficient memory', true);
const onlyPods = rejection(tooManyPods, true);

/** What the pod asks for of resources that are not this profile's to ignore, without nothings. */
function askedOthers({ others }: Amounts, isIgnored: (resource: string) => boolean): [string, number][] {
  return [...others].filter(([name, amount]) => amount > 0 && !isIgnored(name));
}

class FitCheck implements NodeCheck {
  readonly #asked: Amounts;
  readonly #others: readonly [string, number][];

  constructor(asked: Amounts, isIgnored: (resource: string) => boolean) {
    this.#asked = asked;
    this.#others = askedOthers(asked, isIgnored);
  }

  reject(node: NodeInfo): Rejection | undefined {
    return this.#fits(node) ? undefined : this.#explain(node);
  }

  #fits({ podCount, podsMax, allocatable, requested }: NodeInfo): boolean {
    const { cpu, memory, ephemeralStorage } = this.#asked;
    if (podCount + 1 > podsMax) return false;
    if (cpu > 0 && cpu > allocatable.cpu - requested.cpu) return false;
    if (memory > 0 && memory > allocatable.memory - requested.memory) return false;
    if (ephemeralStorage > 0 && ephemeralStorage > allocatable.ephemeralStorage - requested.ephemeralStorage)
      return false;
    for (const [name, amount] of this.#others) {
      if (amount > amountOf(allocatable, name) - amountOf(requested, name)) return false;
    }
    return true;
  }

  #explain({ podCount, podsMax, allocatable, requested }: NodeInfo): Rejection {
    const { cpu, memory, ephemeralStorage } = this.#asked;
    const reasons: string[] = [];
    let isResolvable = true;
    if (podCount + 1 > podsMax) {
      reasons.push(tooManyPods);
      isResolvable = podsMax >= 1;
    }
    const compare = (name: string, amount: number) => {
      const room = amountOf(allocatable, name);
      if (amount === 0 || amount <= room - amountOf(requested, name)) return;
      reasons.push(`Insufficient ${name}`);
      if (amount > room) isResolvable = false;
    };
    compare('cpu', cpu);
    compare('memory', memory);
    compare('ephemeral-storage', ephemeralStorage);
    for (const [name, amount] of this.#others) compare(name, amount);
    return shared(reasons, isResolvable);
  }
}

/** The usual ones are the same object, so that counting them is cheap. */
function shared(reasons: readonly string[], isResolvable: boolean): Rejection {
  if (reasons.length > 1 || !isResolvable) return { reasons, isResolvable };
  const [reason] = reasons;
  for (const known of [onlyCpu, onlyMemory, onlyPods]) if (known.reasons[0] === reason) return known;
  return { reasons, isResolvable };
}

export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  isLocal: true,
  prepare: ({ demand }, _cluster, { isIgnoredResource }) => new FitCheck(demand.requests, isIgnoredResource),
  mayHelp: ({ demand }, event, _cluster, { isIgnoredResource }) =>
    (event.kind === 'nodeAdded' ||
      event.kind === 'podRemoved' ||
      event.kind === 'nominationEnded' ||
      (event.kind === 'nodeChanged' && event.changes.allocatable)) &&
    new FitCheck(demand.requests, isIgnoredResource).reject(event.node) === undefined,
};
