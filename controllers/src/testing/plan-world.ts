/**
 * A world in memory for tests of controllers that only decide: real caches, and steps that come true at once. It knows
 * nothing of the API but what the steps say; the real server shows the rest in e2e/integration.
 */
import type { KubeObject } from '@slipway/api/types';
import { type CacheReader, type IndexFunction, ObjectCache } from '@slipway/client/cache';
import { deepFreeze } from '@slipway/client/freeze';
import { type Kind, keyOf, kindId, type ObjectKey } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { invariant } from '@slipway/kit/invariant';
import type { Caches } from '../runtime/caches.ts';
import type { IndexSpec } from '../runtime/controller-definition.ts';
import type { Plan, Step } from '../runtime/step.ts';

export interface Decider<Observed, Status> {
  observe(key: ObjectKey, caches: Caches): Observed | undefined;
  plan(observed: Observed, nowMs: number): Plan<Status>;
}

export class PlanWorld implements Caches {
  readonly #caches = new Map<string, ObjectCache>();
  readonly #indexes: readonly IndexSpec[];
  #revision = 0;
  /** Messages of the events that steps told, in order. */
  readonly told: string[] = [];
  nowMs: number;

  constructor(indexes: readonly IndexSpec[] = [], nowMs = Date.UTC(2026, 0, 1)) {
    this.#indexes = indexes;
    this.nowMs = nowMs;
  }

  /** Puts an object in as the server would have stored it. */
  put<T extends KubeObject>(kind: Kind<T>, object: T): T {
    const revision = String(++this.#revision);
    const { metadata } = object;
    const name = metadata.name ?? `${metadata.generateName}${revision.padStart(5, '0')}`;
    const stored = deepFreeze({
      ...object,
      metadata: {
        creationTimestamp: formatTime(this.nowMs),
        uid: `uid-${revision}`,
        ...metadata,
        name,
        resourceVersion: revision,
      },
    });
    this.#cache(kind).apply([{ object: stored, gone: false }], BigInt(revision));
    return stored;
  }

  remove(kind: Kind, key: ObjectKey): void {
    const object = this.get(kind, key);
    if (object) this.#cache(kind).apply([{ object, gone: true }], BigInt(++this.#revision));
  }

  /** One look: observe, plan, make it true. Answers the plan, or undefined when there was nothing to look at. */
  look<Observed, Status>(
    controller: Decider<Observed, Status>,
    primary: Kind,
    key: ObjectKey,
  ): Plan<Status> | undefined {
    const observed = controller.observe(key, this);
    if (observed === undefined) return undefined;
    const plan = controller.plan(observed, this.nowMs);
    for (const step of plan.steps) this.apply(step);
    const object = this.get(primary, key);
    if (plan.status !== 'unchanged' && object) this.put(primary, { ...object, status: plan.status } as KubeObject);
    return plan;
  }

  /** Looks until a plan has no steps but events. Fails when that does not come to an end. */
  settle<Observed, Status>(controller: Decider<Observed, Status>, primary: Kind, key: ObjectKey): void {
    for (let looks = 0; looks < 100; looks++) {
      const plan = this.look(controller, primary, key);
      if (!plan || plan.steps.every(({ op }) => op === 'event')) return;
    }
    invariant(false, `${kindId(primary)} ${key} does not settle`);
  }

  apply(step: Step): void {
    switch (step.op) {
      case 'create':
        this.#tell(step, this.put(step.kind, step.object).metadata.name);
        return;
      case 'delete':
        this.remove(step.kind, keyOf(step.target));
        this.#tell(step, step.target.metadata.name);
        return;
      case 'patch': {
        const current = this.get(step.kind, keyOf(step.target));
        invariant(current, `patch of ${keyOf(step.target)}, which is not there`);
        this.put(step.kind, merge(current, step.patch) as KubeObject);
        this.#tell(step, step.target.metadata.name);
        return;
      }
      case 'event':
        this.told.push(step.message);
    }
  }

  has(): boolean {
    return true;
  }

  of<T extends KubeObject>(kind: Kind<T>): CacheReader<T> {
    return this.#cache(kind) as CacheReader<KubeObject> as CacheReader<T>;
  }

  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): T | undefined {
    return this.of(kind).get(key);
  }

  list<T extends KubeObject>(kind: Kind<T>): readonly T[] {
    return this.of(kind).list();
  }

  inNamespace<T extends KubeObject>(kind: Kind<T>, namespace: string): readonly T[] {
    return this.of(kind).inNamespace(namespace);
  }

  ownedBy<T extends KubeObject>(kind: Kind<T>, uid: string): readonly T[] {
    return this.of(kind).ownedBy(uid);
  }

  byIndex<T extends KubeObject>(kind: Kind<T>, index: string, value: string): readonly T[] {
    return this.of(kind).byIndex(index, value);
  }

  #cache(kind: Kind): ObjectCache {
    const id = kindId(kind);
    const known = this.#caches.get(id);
    if (known) return known;
    const specs = this.#indexes.filter(({ on }) => kindId(on) === id);
    const cache = new ObjectCache(
      Object.fromEntries(specs.map(({ name, values }): [string, IndexFunction] => [name, values])),
    );
    this.#caches.set(id, cache);
    return cache;
  }

  #tell(step: Exclude<Step, { op: 'event' }>, name = ''): void {
    if (step.tells?.done) this.told.push(step.tells.done.message.replace('{name}', name));
  }
}

/** JSON merge patch; the strategic patches of our steps only name whole conditions, which tests read as merged. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = { ...(typeof target === 'object' ? target : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}
