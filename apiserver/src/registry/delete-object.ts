import type { KubeObject } from '@slipway/api/types';
import type { StoredObject } from '../storage/object-store.ts';
import { type DeleteOptions, type Deletion, type DeletionRules, planDeletion } from './finalizers.ts';
import { objectKey, type ResourceContext, strategyContext } from './resource-context.ts';
import { conflict, modifiedReason, notFound } from './status-errors.ts';
import { storageCall } from './storage-errors.ts';
import type { WriteCall } from './write-call.ts';

const lostRacesMax = 100;

/** `removed`: gone from the store. Else it stays, marked, until what holds it lets go. */
export interface Deleted {
  readonly removed: boolean;
  /** The last state. */
  readonly object: KubeObject;
}

/** Throws StatusError: NotFound, Conflict when a precondition does not hold. */
export async function deleteObject(
  context: ResourceContext,
  target: { readonly namespace: string | undefined; readonly name: string },
  options: DeleteOptions,
  call: WriteCall,
): Promise<Deleted> {
  const { strategy, objects } = context;
  const { resource } = strategy;
  const key = objectKey(resource, target.namespace, target.name);
  let current = await storageCall(objects.get(key, { signal: call.signal }));
  for (let attempt = 0; attempt < lostRacesMax; attempt++) {
    if (!current) throw notFound(resource, target.name);
    checkPreconditions(resource, current, options);
    const old = context.form ? await context.form.read(current.object) : current.object;
    await call.admission.mutate(undefined, old);
    await call.admission.validate(undefined, old);
    const plan = planDeletion(
      current.object,
      options,
      rulesFor(context, current.object, options),
      context.clock.nowMs(),
    );
    const done = await carryOut(context, plan, current, call);
    if (!('outcome' in done)) return context.form ? { ...done, object: await context.form.read(done.object) } : done;
    current = done.current;
  }
  throw conflict(resource, target.name, modifiedReason);
}

/** Throws StatusError Conflict when the object is another than the caller means, or has changed. */
export function checkPreconditions(
  resource: { readonly group: string; readonly resource: string },
  current: Pick<StoredObject, 'object' | 'modRevision'>,
  { preconditions }: DeleteOptions,
): void {
  const { name = '', uid } = current.object.metadata;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    throw conflict(
      resource,
      name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  const version = String(current.modRevision);
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== version) {
    throw conflict(
      resource,
      name,
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not match the ResourceVersion in record (${version}). The object might have been modified`,
    );
  }
}

function rulesFor({ strategy }: ResourceContext, object: KubeObject, options: DeleteOptions): DeletionRules {
  return {
    knowsGrace: strategy.gracePeriodSeconds !== undefined,
    graceSeconds: strategy.gracePeriodSeconds?.(object, options.gracePeriodSeconds) ?? 0,
    defaultPropagation: strategy.defaultPropagation ?? 'Background',
    isHeld: (strategy.otherFinalizers?.(object) ?? []).length > 0,
  };
}

type LostRace = { readonly outcome: 'conflict'; readonly current: StoredObject | undefined };

async function carryOut(
  context: ResourceContext,
  plan: Deletion,
  current: StoredObject,
  call: WriteCall,
): Promise<Deleted | LostRace> {
  if (plan.step === 'wait') return { removed: false, object: current.object };
  if (plan.step === 'remove') return await remove(context, current, current.object, call);
  const draft = structuredClone(current.object);
  draft.metadata = { ...plan.metadata };
  delete draft.metadata.resourceVersion;
  if (current.object.metadata.deletionTimestamp === undefined) context.strategy.prepareDeletion?.(draft);
  if (call.dryRun) return { removed: plan.step === 'markAndRemove', object: draft };
  // Upstream marks first and removes then, so that watchers see a MODIFIED before the DELETED; nobody needs the first.
  if (plan.step === 'markAndRemove') return await remove(context, current, draft, call);
  const result = await storageCall(
    context.objects.update(current.key, draft, current, { signal: call.signal, cause: call.cause }),
  );
  return result.outcome === 'written' ? { removed: false, object: result.stored.object } : result;
}

async function remove(
  context: ResourceContext,
  current: StoredObject,
  answered: KubeObject,
  call: WriteCall,
): Promise<Deleted | LostRace> {
  if (call.dryRun) return { removed: true, object: answered };
  const options = { signal: call.signal, cause: call.cause };
  const result = await storageCall(context.objects.remove(current.key, current, options));
  if (result.outcome === 'conflict') return result;
  const { strategy } = context;
  const allocation = await strategy.allocate?.(undefined, current.object, strategyContext(context, call));
  await allocation?.commit();
  const metadata = { ...answered.metadata, resourceVersion: String(result.stored.modRevision) };
  return { removed: true, object: { ...answered, metadata } };
}
