/**
 * A world in memory for tests of controllers that only decide: real caches, and steps that come true at once. It knows
 * nothing of the API but what the steps say; the real server shows the rest in e2e/integration.
 */
import { isDeepStrictEqual } from 'node:util';
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
    if (plan.status !== 'unchanged' && object) this.writeStatus(primary, object, plan);
    return plan;
  }

  /** Writes what a plan has as status, if that is new, and tells what goes with it. */
  writeStatus<Status>(primary: Kind, object: KubeObject & { readonly status?: unknown }, plan: Plan<Status>): void {
    if (isDeepStrictEqual(plan.status, object.status)) return;
    this.put(primary, { ...object, status: plan.status } as KubeObject);
    for (const { message } of plan.statusTells ?? []) this.told.push(message);
  }

  /** Looks until a plan has no steps but events and its status stands. Fails when that does not come to an end. */
  settle<Observed, Status>(controller: Decider<Observed, Status>, primary: Kind, key: ObjectKey): void {
    for (let looks = 0; looks < 100; looks++) {
      const before = this.get(primary, key);
      const plan = this.look(controller, primary, key);
      const isQuiet = plan?.steps.every(({ op }) => op === 'event') ?? true;
      if (isQuiet && before === this.get(primary, key)) return;
    }
    invariant(false, `${kindId(primary)} ${key} does not settle`);
  }

  apply(step: Step): void {
    switch (step.op) {
      case 'create':
        this.#tell(step, this.put(step.kind, step.object).metadata.name);
        return;
      case 'delete':
        this.#delete(step.kind, keyOf(step.target));
        this.#tell(step, step.target.metadata.name);
        return;
      case 'patch': {
        const current = this.get(step.kind, keyOf(step.target));
        invariant(current, `patch of ${keyOf(step.target)}, which is not there`);
        const patched = merge(current, step.patch) as KubeObject;
        if (isReleased(current, patched)) this.remove(step.kind, keyOf(patched));
        else this.put(step.kind, patched);
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

  /** What has finalizers stays until they are taken off. */
  #delete(kind: Kind, key: ObjectKey): void {
    const object = this.get(kind, key);
    if (!object?.metadata.finalizers?.length) this.remove(kind, key);
    else if (!object.metadata.deletionTimestamp) {
      const metadata = { ...object.metadata, deletionTimestamp: formatTime(this.nowMs) };
      this.put(kind, { ...object, metadata });
    }
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

/** A pod that has time to end goes when that is over, with or without finalizers. */
function isReleased(before: KubeObject, after: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = after.metadata;
  const hadFinalizers = (before.metadata.finalizers ?? []).length > 0;
  return (
    deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && hadFinalizers && finalizers.length === 0
  );
}

const deletePrefix = '$deleteFromPrimitiveList/';

/** JSON merge patch; the strategic patches of our steps only name whole conditions, which tests read as merged, or take values from lists. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = { ...(typeof target === 'object' ? target : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deletePrefix)) {
      const list = key.slice(deletePrefix.length);
      const rest = ((merged[list] ?? []) as unknown[]).filter((item) => !(value as unknown[]).includes(item));
      if (rest.length > 0) merged[list] = rest;
      else delete merged[list];
    } else if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}
