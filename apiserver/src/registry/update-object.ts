import type { KubeObject } from '@slipway/api/types';
import { invalid, invalidError } from '@slipway/api/validation/field-error';
import { validateObjectMeta } from '@slipway/api/validation/object-meta';
import type { ObjectWrite, StoredObject } from '../storage/object-store.ts';
import type { Written } from './create-object.ts';
import { type Endpoint, rulesOf } from './endpoint-rules.ts';
import { ownFields } from './field-ownership.ts';
import { endsDeletion } from './finalizers.ts';
import { sameJson } from './same-json.ts';
import { keepSystemMetadata, placeInNamespace, validateMetadataUpdate } from './object-metadata.ts';
import { objectKey, type ResourceContext, strategyContext } from './resource-context.ts';
import { badRequest, checkName, conflict, modifiedReason, notFound } from './status-errors.ts';
import { storageCall } from './storage-errors.ts';
import { readWritten } from './stored-form.ts';
import { writeAllocated } from './write-allocated.ts';
import type { WriteCall } from './write-call.ts';

/**
 * Writers that race for one object: each loses at most once to each other one, so that this many tries are reached only when something
 * writes the object without end.
 */
const lostRacesMax = 100;

export interface UpdateTarget {
  readonly namespace: string | undefined;
  readonly name: string;
  readonly endpoint: Endpoint;
  /** Server-side apply has worked out the owners of the draft's fields itself. */
  readonly isApply?: boolean;
  /** The subresource through which the fields are owned, when it is none of the endpoints: `scale`. */
  readonly ownedThrough?: string;
  readonly preconditions?: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined };
}

/** Makes the wanted object from the stored one, which is frozen; called again with the newer one when a race was lost. */
export type Change = (old: KubeObject) => KubeObject | Promise<KubeObject>;

/** Throws StatusError: NotFound, Conflict when the change was based on another version, Invalid. */
export async function updateObject(
  context: ResourceContext,
  target: UpdateTarget,
  change: Change,
  call: WriteCall,
): Promise<Written> {
  const { strategy, objects } = context;
  const { resource } = strategy;
  const key = objectKey(resource, target.namespace, target.name);
  let current = objects.cached(key) ?? (await storageCall(objects.get(key, { signal: call.signal })));
  for (let attempt = 0; attempt < lostRacesMax; attempt++) {
    if (!current) throw notFound(resource, target.name);
    const old = context.form ? await context.form.read(current.object) : current.object;
    const draft = await change(old);
    if (isStale(draft, current, target)) {
      const newest = await storageCall(objects.get(key, { signal: call.signal }));
      if (!newest) throw notFound(resource, target.name);
      if (newest.modRevision === current.modRevision)
        throw conflict(resource, target.name, staleReason(draft, current, target));
      current = newest;
      continue;
    }
    const written = await prepareAndStore(context, target, draft, { current, old }, call);
    if (!('outcome' in written)) return written;
    if (written.outcome === 'written') return { stored: await readWritten(context.form, written.stored) };
    current = written.current;
  }
  await call.admission.release();
  throw conflict(resource, target.name, modifiedReason);
}

function isStale(draft: KubeObject, current: StoredObject, { preconditions }: UpdateTarget): boolean {
  const version = draft.metadata.resourceVersion;
  if (version && version !== '0' && version !== String(current.modRevision)) return true;
  const { uid } = draft.metadata;
  const currentUid = current.object.metadata.uid;
  if (uid && uid !== currentUid) return true;
  if (preconditions?.uid && preconditions.uid !== currentUid) return true;
  return Boolean(preconditions?.resourceVersion && preconditions.resourceVersion !== String(current.modRevision));
}

function staleReason(draft: KubeObject, current: StoredObject, { preconditions }: UpdateTarget): string {
  const uid = preconditions?.uid ?? draft.metadata.uid;
  const currentUid = current.object.metadata.uid;
  if (uid && uid !== currentUid) {
    return `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${currentUid}`;
  }
  return modifiedReason;
}

/** The part of the line from admission to the store. A lost race is answered as the store's conflict. */
async function prepareAndStore(
  context: ResourceContext,
  target: UpdateTarget,
  draft: KubeObject,
  { current, old }: { readonly current: StoredObject; readonly old: KubeObject },
  call: WriteCall,
): Promise<Written | ObjectWrite> {
  const { strategy, objects, form } = context;
  const { resource } = strategy;
  const inContext = strategyContext(context, call);
  placeDraft(draft, target);
  const isVersioned = Boolean(draft.metadata.resourceVersion);
  keepSystemMetadata(draft, old);
  // A binding's draft is the server's own and shares with the stored object, which is frozen, all that it leaves alone.
  if (target.endpoint !== 'binding') strategy.defaults?.(draft);
  await call.admission.mutate(draft, old);
  const rules = rulesOf(strategy, target.endpoint);
  rules.prepareUpdate?.(draft, old, inContext);
  if (!target.isApply) {
    const subresource = target.ownedThrough ?? (target.endpoint === 'main' ? undefined : target.endpoint);
    ownFields(context, { draft, old, subresource }, call);
  }
  const errors = [
    ...validateMetadataUpdate(draft.metadata, old.metadata),
    ...validateObjectMeta(draft.metadata, strategy),
    ...strategy.validate(draft, inContext),
    ...(rules.validateUpdate?.(draft, old, inContext) ?? []),
  ];
  if (!isVersioned && strategy.allowUnconditionalUpdate === false && call.cause.verb === 'update') {
    errors.push(invalid('metadata.resourceVersion', 0, 'must be specified for an update'));
  }
  if (errors.length > 0) throw invalidError(resource.kind, resource.group, target.name, errors);
  await call.admission.validate(draft, old);
  if (strategy.warnings) call.warnings.push(...strategy.warnings(draft, old));

  delete draft.metadata.resourceVersion;
  if (endsDeletion(draft, old, (strategy.otherFinalizers?.(draft) ?? []).length > 0)) {
    return await removeAfterUpdate(context, draft, current, call);
  }
  // What is kept in another form may have to be written although this one is unchanged: the store compares what it holds.
  if (!form && sameExceptVersion(draft, old)) return { stored: current };
  const kept = form && !call.dryRun ? await form.write(draft) : draft;
  const allocation = await storageCall(strategy.allocate?.(draft, old, inContext));
  if (call.dryRun) {
    await allocation?.rollback();
    draft.metadata.resourceVersion = String(current.modRevision);
    return { object: draft };
  }
  const options = {
    signal: call.signal,
    cause: call.cause,
    ...(strategy.ttlMs === undefined ? {} : { ttlMs: strategy.ttlMs }),
  };
  return await writeAllocated(allocation, () => objects.update(current.key, kept, current, options));
}

function placeDraft(draft: KubeObject, target: UpdateTarget): void {
  const { name, namespace } = draft.metadata;
  if (!name) throw badRequest('name must be provided');
  checkName(draft, target.name);
  if (namespace && target.namespace !== undefined && namespace !== target.namespace) {
    throw badRequest(
      `the namespace of the object (${namespace}) does not match the namespace on the URL (${target.namespace})`,
    );
  }
  placeInNamespace(draft, target.namespace);
}

/** The last finalizer is gone: the object goes with it. */
async function removeAfterUpdate(
  context: ResourceContext,
  draft: KubeObject,
  current: StoredObject,
  call: WriteCall,
): Promise<Written | ObjectWrite> {
  const { objects, strategy } = context;
  if (call.dryRun) return { object: draft };
  const result = await storageCall(objects.remove(current.key, current, { signal: call.signal, cause: call.cause }));
  if (result.outcome === 'conflict') return result;
  const allocation = await strategy.allocate?.(undefined, current.object, strategyContext(context, call));
  await allocation?.commit();
  return { object: { ...draft, metadata: { ...draft.metadata, resourceVersion: String(result.stored.modRevision) } } };
}

function sameExceptVersion(draft: KubeObject, old: KubeObject): boolean {
  const { metadata, ...rest } = draft;
  const { metadata: oldMetadata, ...oldRest } = old;
  const { resourceVersion: _, ...kept } = oldMetadata;
  return sameJson(rest, oldRest) && sameJson(metadata, kept);
}
