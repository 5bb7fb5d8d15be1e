/**
 * `/slipway/causes/PATH-OF-AN-OBJECT`: why the object is there and why it is as it is, from the store's own log. The first
 * write is known until compaction forgets it; who may read this path is up to RBAC, as for all paths.
 */
import type { Cause } from '@slipway/api/cause';
import type { ServedKinds } from '../registry/kinds.ts';
import { objectKey } from '../registry/resource-context.ts';
import { notFound, unknownPath } from '../registry/status-errors.ts';
import { type Backend, StorageError } from '../storage/backend.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { parseResourcePath } from './resource-path.ts';

export interface ObjectCauses {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** `cause` is absent when the log no longer reaches back to the write. */
  readonly created: { readonly resourceVersion: string; readonly cause?: Cause };
  readonly lastWritten: { readonly resourceVersion: string; readonly cause?: Cause };
}

export interface CauseParts {
  readonly kinds: ServedKinds;
  readonly objects: ObjectStore;
  readonly backend: Backend;
}

/** Throws StatusError NotFound for what is no object. */
export async function readCauses(
  path: string,
  { kinds, objects, backend }: CauseParts,
  signal: AbortSignal,
): Promise<ObjectCauses> {
  const address = parseResourcePath(path);
  const served = address && kinds.find(address);
  if (!served || address?.name === undefined) throw unknownPath();
  const key = objectKey(address, address.namespace, address.name);
  const stored = await objects.get(key, { signal });
  if (!stored) throw notFound(address, address.name);
  const first = await backend.get(key, { at: stored.createRevision, signal }).catch(forgotten);
  const created = first?.entry?.cause === undefined ? undefined : (JSON.parse(first.entry.cause) as Cause);
  return {
    kind: served.api.kind,
    ...(address.namespace === undefined ? {} : { namespace: address.namespace }),
    name: address.name,
    created: { resourceVersion: String(stored.createRevision), ...(created ? { cause: created } : {}) },
    lastWritten: { resourceVersion: String(stored.modRevision), ...(stored.cause ? { cause: stored.cause } : {}) },
  };
}

function forgotten(error: unknown): undefined {
  if (error instanceof StorageError && error.reason === 'compacted') return undefined;
  throw error;
}
