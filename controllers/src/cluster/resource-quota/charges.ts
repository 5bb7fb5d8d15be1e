import { evaluatorOf } from '@slipway/api/quota/evaluator';
import { addUsage, growth, type Usage } from '@slipway/api/quota/usage';
import { amountsOf } from '@slipway/api/pod-resources';
import { type Quantity, subtractQuantities } from '@slipway/api/quantity';
import type { KubeObject, ResourceQuota } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { type Kind, keyOf, type ObjectKey } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';

/** A write that takes longer than this has failed: longer than the API server waits for its storage. */
const chargeMs = 10_000;

interface Dated {
  readonly atMs: number;
  readonly usage: Usage;
}

/** What the API server added to quotas lately, against the objects that came of it; and which quotas are to be counted. */
export class Charges {
  readonly #clock: Clock;
  readonly #charged = new Map<ObjectKey, Dated[]>();
  readonly #created = new Map<string, Dated[]>();
  readonly #due = new Set<ObjectKey>();
  readonly #countedMs = new Map<ObjectKey, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A change of a quota itself. */
  noteQuota({ key, before, after }: Change<ResourceQuota>): void {
    if (!after) {
      for (const map of [this.#charged, this.#countedMs]) map.delete(key);
      this.#due.delete(key);
      return;
    }
    const used = before?.status?.used;
    if (!used) return void this.#due.add(key);
    const more = growth(amountsOf(used), amountsOf(after.status?.used));
    if (more.size > 0) this.#push(this.#charged, key, more);
  }

  /** A change of an object in a namespace that has quotas. Answers whether less is used than before. */
  noteObject(kind: Kind, { before, after }: Change): boolean {
    const nowMs = this.#clock.nowMs();
    const evaluator = evaluatorOf(kind);
    const usageOf = (object: KubeObject | undefined): Usage => (object ? evaluator.usage(object, nowMs) : new Map());
    if (!before && after) {
      const createdMs = Date.parse(after.metadata.creationTimestamp ?? '');
      if (nowMs - createdMs <= chargeMs) this.#push(this.#created, after.metadata.namespace ?? '', usageOf(after));
      return false;
    }
    return growth(usageOf(after), usageOf(before)).size > 0;
  }

  demand(key: ObjectKey): void {
    this.#due.add(key);
  }

  /** A quota that only grew is not counted with each charge. */
  isDue(quota: ResourceQuota): boolean {
    const key = keyOf(quota);
    const countedMs = this.#countedMs.get(key);
    return this.#due.has(key) || countedMs === undefined || this.#clock.nowMs() - countedMs >= chargeMs;
  }

  /** `isRight`: the count agreed with what was written. Else it is counted again when that is visible. */
  counted(quota: ResourceQuota, isRight: boolean): void {
    const key = keyOf(quota);
    this.#countedMs.set(key, this.#clock.nowMs());
    if (isRight) this.#due.delete(key);
  }

  /** Charges of the last seconds for which no object has come. */
  promised(quota: ResourceQuota): Usage {
    const charged = sumOf(this.#recent(this.#charged, keyOf(quota)));
    const created = sumOf(this.#recent(this.#created, quota.metadata.namespace ?? ''));
    const open = new Map<string, Quantity>();
    for (const [name, amount] of charged) {
      const came = created.get(name);
      const rest = came ? subtractQuantities(amount, came) : amount;
      if (rest.nanos > 0n) open.set(name, rest);
    }
    return open;
  }

  #push(map: Map<string, Dated[]>, key: string, usage: Usage): void {
    map.set(key, [...this.#recent(map, key), { atMs: this.#clock.nowMs(), usage }]);
  }

  #recent(map: Map<string, Dated[]>, key: string): Dated[] {
    const sinceMs = this.#clock.nowMs() - chargeMs;
    const recent = (map.get(key) ?? []).filter(({ atMs }) => atMs >= sinceMs);
    if (recent.length === 0) map.delete(key);
    else map.set(key, recent);
    return recent;
  }
}

function sumOf(dated: readonly Dated[]): Usage {
  const sums = new Map<string, Quantity>();
  for (const { usage } of dated) addUsage(sums, usage);
  return sums;
}
