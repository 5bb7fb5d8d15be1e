import { isStatus, StatusError } from '@slipway/api/status-error';
import type { KubeObject } from '@slipway/api/types';
import { invalidError } from '@slipway/api/validation/field-error';
import { validateObjectMeta } from '@slipway/api/validation/object-meta';
import type { StoredObject } from '../storage/object-store.ts';
import { ownFields } from './field-ownership.ts';
import { generatedName, newMetadata, placeInNamespace } from './object-metadata.ts';
import { objectKey, type ResourceContext, strategyContext } from './resource-context.ts';
import { alreadyExists } from './status-errors.ts';
import { statusFromStorage, storageCall } from './storage-errors.ts';
import { readWritten } from './stored-form.ts';
import { writeAllocated } from './write-allocated.ts';
import type { Allocation } from './strategy.ts';
import type { WriteCall } from './write-call.ts';

/** As upstream: so many tries to find a free name before the client hears of the collision. */
const generatedNameTriesMax = 8;

/** What a write answers: the stored object, or for a dry run the draft that would have been stored. */
export type Written =
  | { readonly stored: StoredObject; readonly object?: undefined }
  | { readonly stored?: undefined; readonly object: KubeObject };

/** The draft belongs to this call. `isApply`: its managedFields are worked out already. Throws StatusError. */
export async function createObject(
  context: ResourceContext,
  draft: KubeObject,
  namespace: string | undefined,
  call: WriteCall,
  isApply = false,
): Promise<Written> {
  if (draft.metadata.resourceVersion) {
    throw new StatusError('InternalError', 'resourceVersion should not be set on objects to be created');
  }
  placeInNamespace(draft, namespace);
  draft.metadata = newMetadata(draft.metadata, { nowMs: context.clock.nowMs(), uid: context.random.uuid() });
  const { strategy } = context;
  const prefix = draft.metadata.name ? undefined : draft.metadata.generateName;
  strategy.defaults?.(draft);
  // Before admission: what the server adds by itself belongs to nobody.
  if (!isApply) ownFields(context, { draft, old: undefined, subresource: undefined }, call);
  await call.admission.mutate(draft, undefined);
  if (prefix) nameDraft(context, draft, prefix);
  strategy.prepareCreate?.(draft, strategyContext(context, call));
  for (let attempt = 1; ; attempt++) {
    try {
      return await validateAndStore(context, draft, call);
    } catch (error) {
      const isTaken = isStatus(error, 'AlreadyExists');
      if (!prefix || !isTaken || attempt === generatedNameTriesMax) {
        if (isTaken || isStatus(error, 'Invalid')) await call.admission.release();
        throw error;
      }
    }
    const { name = '' } = draft.metadata;
    nameDraft(context, draft, prefix);
    strategy.renamed?.(draft, name);
  }
}

function nameDraft({ strategy, random }: ResourceContext, draft: KubeObject, prefix: string): void {
  draft.metadata.name = generatedName(prefix, random);
  // Some defaults are made of the name: the label of a Namespace.
  strategy.defaults?.(draft);
}

async function validateAndStore(context: ResourceContext, draft: KubeObject, call: WriteCall): Promise<Written> {
  const { strategy, objects } = context;
  const { resource } = strategy;
  const inContext = strategyContext(context, call);
  const errors = [
    ...validateObjectMeta(draft.metadata, strategy),
    ...strategy.validate(draft, inContext),
    ...(strategy.validateCreate?.(draft, inContext) ?? []),
  ];
  if (errors.length > 0) throw invalidError(resource.kind, resource.group, draft.metadata.name ?? '', errors);
  await call.admission.validate(draft, undefined);
  if (strategy.warnings) call.warnings.push(...strategy.warnings(draft, undefined));
  const name = draft.metadata.name ?? '';
  const key = objectKey(resource, draft.metadata.namespace, name);
  const exists = async () => (await storageCall(objects.get(key, { signal: call.signal }))) !== undefined;
  // Nothing is taken for an object that cannot be created anyhow; and what it asks for may be taken because it is there.
  if (strategy.allocate && objects.cached(key) && (await exists())) throw alreadyExists(resource, name);
  let allocation: Allocation | undefined;
  try {
    allocation = await strategy.allocate?.(draft, undefined, inContext);
  } catch (error) {
    throw isStatus(error, 'Invalid') && (await exists()) ? alreadyExists(resource, name) : statusFromStorage(error);
  }
  if (call.dryRun) {
    await allocation?.rollback();
    if (objects.cached(key)) throw alreadyExists(resource, name);
    return { object: draft };
  }
  return { stored: await storeNew(context, key, draft, allocation, call) };
}

async function storeNew(
  { strategy, objects, form }: ResourceContext,
  key: string,
  draft: KubeObject,
  allocation: Allocation | undefined,
  call: WriteCall,
): Promise<StoredObject> {
  const options = {
    signal: call.signal,
    cause: call.cause,
    ...(strategy.ttlMs === undefined ? {} : { ttlMs: strategy.ttlMs }),
  };
  const kept = form ? await form.write(draft) : draft;
  const result = await writeAllocated(allocation, () => objects.create(key, kept, options));
  if (result.outcome === 'conflict') throw alreadyExists(strategy.resource, draft.metadata.name ?? '');
  return form ? await readWritten(form, result.stored) : result.stored;
}
