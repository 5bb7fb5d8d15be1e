import type { Eviction, KubeObject } from '@slipway/api/types';
import type { DeleteOptions } from '../finalizers.ts';
import type { ResourceStore } from '../resource-store.ts';
import { badRequest } from '../status-errors.ts';
import type { UpdateTarget } from '../update-object.ts';
import type { WriteCall } from '../write-call.ts';

/** Deletes the pod with its grace. Nothing can hold an eviction back: pod disruption budgets are not served. */
export async function evictPod(
  store: ResourceStore,
  { namespace, name }: UpdateTarget,
  object: KubeObject,
  call: WriteCall,
): Promise<void> {
  const { metadata, deleteOptions } = object as Eviction;
  if (metadata?.name && metadata.name !== name) {
    throw badRequest(`name in URL does not match name in Eviction object: ${name} != ${metadata.name}`);
  }
  const dryRun = call.dryRun || (deleteOptions?.dryRun ?? []).length > 0;
  await store.delete({ namespace, name }, (deleteOptions ?? {}) as DeleteOptions, { ...call, dryRun });
}
