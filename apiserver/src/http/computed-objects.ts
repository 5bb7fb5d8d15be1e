/** Reading what is not stored: the same answers as of stored objects, without a revision. */
import type { KubeObject } from '@slipway/api/types';
import type { Computed, ServedResource } from '../registry/kinds.ts';
import type { Selection } from '../registry/selection.ts';
import { notFound } from '../registry/status-errors.ts';
import type { StoredObject } from '../storage/object-store.ts';
import type { Answer } from './answer.ts';

/** Throws StatusError NotFound. */
export async function getComputed(served: ServedResource, computed: Computed, name: string): Promise<Answer> {
  const object = (await computed()).find(({ metadata }) => metadata.name === name);
  if (!object) throw notFound(served.api, name);
  return { kind: 'object', code: 200, served, object };
}

export async function listComputed(
  served: ServedResource,
  computed: Computed,
  selection: Selection | undefined,
): Promise<Answer> {
  const objects = (await computed()).filter((object) => selection?.matches(object) ?? true);
  const list = { revision: 0n, items: objects.map(asStored), continue: undefined, remaining: undefined };
  return { kind: 'list', served, list };
}

function asStored(object: KubeObject): StoredObject {
  const bytes = Buffer.from(JSON.stringify(object));
  return { key: '', modRevision: 0n, createRevision: 0n, bytes, object, parsed: object, cause: undefined };
}
