/**
 * The only writer. Turns steps into requests with preconditions and a cause, tells events of what was done, and notes
 * every write so that the next look waits for it.
 */
import { isDeepStrictEqual } from 'node:util';
import { isStatus, StatusError } from '@slipway/api/status-error';
import type { KubeObject } from '@slipway/api/types';
import type { Client } from '@slipway/client/client';
import type { EventRecorder } from '@slipway/client/events';
import { type Kind, keyFrom, type ObjectRef, parseKey } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { unreachable } from '@slipway/kit/invariant';
import type { Random } from '@slipway/kit/random';
import { controllerUid, createNamed, createOnce } from './create-once.ts';
import { PendingWrites } from './pending-writes.ts';
import { isNamespaceTerminating, isStale } from './stale.ts';
import { runBulk } from './run-bulk.ts';
import type { EventPhrase, Plan, Step, StepFailure, Tells } from './step.ts';

export interface ApplyDeps {
  /** With the cause of this plan. */
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

export interface Applied {
  readonly pending: PendingWrites;
  /** The first failure; what was to come after it was not done. */
  readonly failure: { readonly error: unknown } | undefined;
}

/** Writes in flight for one object. Our store commits what arrives together in one go, so this is about one commit. */
const inFlightMax = 128;

/** Runs the steps, then writes the status of `primary`. Does not throw: what was written before a failure must not be forgotten. */
export async function applyPlan<Status>(
  plan: Plan<Status>,
  primary: { readonly kind: Kind; readonly object: KubeObject & { status?: unknown } },
  deps: ApplyDeps,
): Promise<Applied> {
  const applier = new Applier(deps, primary.object);
  const isThere = plan.ifGone && (await applier.findsStill(plan.ifGone.kind, plan.ifGone.object));
  if (isThere) return { pending: applier.pending, failure: { error: isThere } };
  const failure = await applier.runSteps(plan.steps);
  const status = failure && plan.statusAfterFailure ? plan.statusAfterFailure(failure) : plan.status;
  const mayWriteStatus = !failure || plan.statusAfterFailure !== undefined;
  if (mayWriteStatus && status !== 'unchanged' && !isDeepStrictEqual(status, primary.object.status)) {
    try {
      const isWritten = await applier.writeStatus(primary.kind, status);
      if (isWritten && status === plan.status) applier.tellOf(primary.object, plan.statusTells ?? []);
    } catch (error) {
      return { pending: applier.pending, failure: failure ?? { error } };
    }
  }
  return { pending: applier.pending, failure };
}

/** Runs steps that are about no single object. */
export async function applySteps(steps: readonly Step[], deps: ApplyDeps): Promise<Applied> {
  const applier = new Applier(deps, undefined);
  const failure = await applier.runSteps(steps);
  return { pending: applier.pending, failure };
}

class Applier {
  readonly #deps: ApplyDeps;
  readonly pending = new PendingWrites();
  /** The primary as it was looked at, or as a step of this plan has left it. */
  #primary: KubeObject | undefined;
  readonly #alive = new Map<string, Promise<void>>();
  readonly #gone = new Map<string, Promise<void>>();

  constructor(deps: ApplyDeps, primary: KubeObject | undefined) {
    this.#deps = deps;
    this.#primary = primary;
  }

  async runSteps(steps: readonly Step[]): Promise<StepFailure | undefined> {
    for (const group of groupsOf(steps)) {
      const failed = await runBulk(group, inFlightMax, (step) => this.#run(step));
      if (failed) return { step: failed.item, error: failed.error };
    }
    return undefined;
  }

  /** Why it cannot be taken for gone; undefined when it is. */
  async findsStill(kind: Kind, ref: ObjectRef): Promise<unknown> {
    const { client, signal } = this.#deps;
    try {
      await client.get(kind, ref, { signal });
      return new StatusError('Conflict', `${kind.kind} ${keyFrom(ref)} is there, which the cache did not show`);
    } catch (error) {
      return isStatus(error, 'NotFound') ? undefined : error;
    }
  }

  /** False when the object is gone. */
  async writeStatus(kind: Kind, status: unknown): Promise<boolean> {
    const { client, signal } = this.#deps;
    const next = { ...this.#primary, status } as KubeObject;
    try {
      this.pending.written(kind, await client.updateStatus(kind, next, { signal }));
      return true;
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      return false;
    }
  }

  tellOf(about: KubeObject, phrases: readonly EventPhrase[]): void {
    for (const phrase of phrases) this.#deps.events.record({ ...phrase, about });
  }

  async #run(step: Step): Promise<void> {
    if (step.op === 'event') return this.#deps.events.record(step);
    try {
      const written = await this.#write(step);
      this.#tell(step.tells, step.tells?.done, { name: written.metadata.name ?? '' });
    } catch (error) {
      if (!isStale(error) && !isNamespaceTerminating(error)) {
        this.#tell(step.tells, step.tells?.failed, { name: nameIn(step), error: messageOf(error) });
      }
      throw error;
    }
  }

  #write(step: Exclude<Step, { op: 'event' }>): Promise<KubeObject> {
    switch (step.op) {
      case 'create':
        return this.#create(step);
      case 'patch':
        return this.#patch(step);
      case 'delete':
        return this.#delete(step);
      default:
        return unreachable(step);
    }
  }

  async #create({ kind, object, once }: Extract<Step, { op: 'create' }>): Promise<KubeObject> {
    const { client, signal } = this.#deps;
    const isUnnamed = !object.metadata.name;
    try {
      const created = isUnnamed
        ? await createOnce(kind, object, this.#deps)
        : await (once ? createNamed(kind, object, this.#deps) : client.create(kind, object, { signal }));
      this.pending.written(kind, created);
      return created;
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists') || isUnnamed) throw error;
      // The cache was behind. What is there counts as done only if it is ours; otherwise the name is taken.
      const { namespace, name = '' } = object.metadata;
      const existing = await client.get(kind, { namespace, name }, { signal });
      if (controllerUid(existing) !== controllerUid(object)) throw error;
      this.pending.written(kind, existing);
      return existing;
    }
  }

  async #patch(step: Extract<Step, { op: 'patch' }>): Promise<KubeObject> {
    const { client, signal } = this.#deps;
    const { kind, target, patch, patchType = 'merge', subresource, whileAlive, whileGone } = step;
    if (whileAlive) await this.#requireAlive(whileAlive.kind, whileAlive.object);
    if (whileGone) await this.#requireGone(whileGone, target.metadata.namespace);
    const { namespace, name = '', uid, resourceVersion } = target.metadata;
    if (step.ifSpecUnchanged) return this.#patchSpec(step);
    const preconditions = { uid, ...(step.evenIfChanged ? {} : { resourceVersion }) };
    const body = patchType === 'json' ? patch : withMetadata(patch, preconditions);
    const options = { signal, type: patchType, ...(subresource ? { subresource } : {}) };
    const patched = await client.patch(kind, { namespace, name }, body, options);
    this.pending.written(kind, patched);
    if (this.#primary && uid === this.#primary.metadata.uid) this.#primary = patched;
    return patched;
  }

  /** A JSON patch can ask for a generation, which no other patch can. */
  async #patchSpec({ kind, target, patch }: Extract<Step, { op: 'patch' }>): Promise<KubeObject> {
    const { client, signal } = this.#deps;
    const { namespace, name = '', uid, generation } = target.metadata;
    const { spec = {} } = patch as { readonly spec?: object };
    const operations = [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path: '/metadata/generation', value: generation },
      ...Object.entries(spec).map(([field, value]) => ({ op: 'add', path: `/spec/${field}`, value })),
    ];
    try {
      const patched = await client.patch(kind, { namespace, name }, operations, { signal, type: 'json' });
      this.pending.written(kind, patched);
      return patched;
    } catch (error) {
      if (!isStatus(error, 'Invalid')) throw error;
      throw new StatusError('Conflict', `${kind.kind} ${name} has changed`, { cause: error });
    }
  }

  /** One question per object and plan. */
  #requireAlive(kind: Kind, { metadata: { namespace, name = '', uid } }: KubeObject): Promise<void> {
    const asked = this.#alive.get(uid ?? '') ?? this.#askAlive(kind, keyFrom({ namespace, name }), uid);
    this.#alive.set(uid ?? '', asked);
    return asked;
  }

  async #askAlive(kind: Kind, key: string, uid: string | undefined): Promise<void> {
    const { client, signal } = this.#deps;
    const { metadata } = await client.get(kind, parseKey(key), { signal });
    if (metadata.uid === uid && !metadata.deletionTimestamp) return;
    throw new StatusError('Conflict', `${kind.kind} ${key} is being deleted or has been replaced`);
  }

  #requireGone(
    { kind, name, uid }: { readonly kind: Kind; readonly name: string; readonly uid: string },
    namespace: string | undefined,
  ): Promise<void> {
    const asked = this.#gone.get(uid) ?? this.#askGone(kind, { namespace, name }, uid);
    this.#gone.set(uid, asked);
    return asked;
  }

  async #askGone(kind: Kind, ref: ObjectRef, uid: string): Promise<void> {
    const { client, signal } = this.#deps;
    const found = await client.get(kind, ref, { signal }).catch((error: unknown) => {
      if (isStatus(error, 'NotFound')) return undefined;
      throw error;
    });
    if (found?.metadata.uid !== uid) return;
    throw new StatusError('Conflict', `${kind.kind} ${keyFrom(ref)} is there, which the cache did not show`);
  }

  async #delete({
    kind,
    target,
    graceMs,
    propagation,
    ifUnchanged,
  }: Extract<Step, { op: 'delete' }>): Promise<KubeObject> {
    const { client, signal } = this.#deps;
    const { namespace, name = '', uid, resourceVersion } = target.metadata;
    try {
      await client.delete(
        kind,
        { namespace, name },
        {
          signal,
          uid,
          resourceVersion: ifUnchanged ? resourceVersion : undefined,
          gracePeriodSeconds: graceMs === undefined ? undefined : Math.floor(graceMs / 1000),
          propagationPolicy: propagation,
        },
      );
    } catch (error) {
      // After a conflict it may be there still: who counted it as gone would wait for its end in vain.
      if (!isStatus(error, 'NotFound')) throw error;
    }
    this.pending.deleted(kind, target);
    return target;
  }

  #tell(tells: Tells | undefined, phrase: EventPhrase | undefined, values: Readonly<Record<string, string>>): void {
    if (!tells || !phrase) return;
    const message = phrase.message.replace(/\{(name|error)\}/g, (_, key: string) => values[key] ?? '');
    this.#deps.events.record({ ...phrase, about: tells.about, message });
  }
}

/** Neighbours that create, or delete, the same kind may run together, and patches that say so; all else keeps its order. */
function groupsOf(steps: readonly Step[]): Step[][] {
  const groups: Step[][] = [];
  let last: Step | undefined;
  for (const step of steps) {
    const joins =
      last !== undefined &&
      last.op === step.op &&
      runsBesideOthers(step) &&
      runsBesideOthers(last) &&
      sameKind(last, step);
    if (joins) groups.at(-1)?.push(step);
    else groups.push([step]);
    last = step;
  }
  return groups;
}

function runsBesideOthers(step: Step): boolean {
  return step.op === 'create' || step.op === 'delete' || (step.op === 'patch' && step.inAnyOrder === true);
}

function sameKind(a: Step, b: Step): boolean {
  return a.op !== 'event' && b.op !== 'event' && a.kind === b.kind;
}

function withMetadata(patch: object, metadata: object): object {
  const own = 'metadata' in patch && typeof patch.metadata === 'object' ? patch.metadata : {};
  return { ...patch, metadata: { ...metadata, ...own } };
}

function nameIn(step: Exclude<Step, { op: 'event' }>): string {
  const { metadata } = step.op === 'create' ? step.object : step.target;
  return metadata.name ?? metadata.generateName ?? '';
}
