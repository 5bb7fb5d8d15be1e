/**
 * How objects of one version relate to those in the store: definitions with several versions keep every object in one of them. Everything between
 * the request and the store, admission and validation included, sees the version of the request.
 */
import type { KubeObject } from '@slipway/api/types';
import type { StoredObject } from '../storage/object-store.ts';
import type { WatchBatches, WatchChange } from './watch-objects.ts';

export interface StoredForm {
  /** The object as this version shows it; the very same when it is shown as it is stored. Throws StatusError. */
  read(object: KubeObject): KubeObject | Promise<KubeObject>;
  /** Several at once: what has to be asked of somebody else is asked once. */
  readAll(objects: readonly KubeObject[]): readonly KubeObject[] | Promise<readonly KubeObject[]>;
  /** The object as it is to be stored. The draft is given away. Throws StatusError. */
  write(draft: KubeObject): KubeObject | Promise<KubeObject>;
  /** What came of a draft that went through this version, its defaults and its schema: it need not be brought up to date to be read. */
  wrote(object: KubeObject): void;
}

export type Shown = Pick<StoredObject, 'bytes' | 'object'>;

export async function readStored<T extends Shown>(form: StoredForm | undefined, stored: T): Promise<T> {
  if (!form) return stored;
  return shownAs(stored, await form.read(stored.object));
}

export async function readManyStored<T extends Shown>(
  form: StoredForm | undefined,
  all: readonly T[],
): Promise<readonly T[]> {
  if (!form || all.length === 0) return all;
  const objects = await form.readAll(all.map(({ object }) => object));
  return all.map((stored, i) => shownAs(stored, objects[i] ?? stored.object));
}

/** Of an object that has just been written from a draft of this form. */
export function readWritten<T extends Shown>(form: StoredForm | undefined, stored: T): T | Promise<T> {
  if (!form) return stored;
  form.wrote(stored.object);
  return readStored(form, stored);
}

function shownAs<T extends Shown>(stored: T, object: KubeObject): T {
  if (object === stored.object) return stored;
  return { ...fieldsOf(stored), object, bytes: Buffer.from(JSON.stringify(object)) } as T;
}

/** Stored objects may have getters, which a spread would not copy. */
function fieldsOf(stored: Shown): object {
  const { key, modRevision, createRevision, cause } = stored as Partial<StoredObject>;
  return { key, modRevision, createRevision, cause };
}

export async function* readWatch(
  form: StoredForm,
  batches: AsyncGenerator<WatchBatches, void, void>,
): AsyncGenerator<WatchBatches, void, void> {
  for await (const batch of batches) yield await Promise.all(batch.map((changes) => readChanges(form, changes)));
}

async function readChanges(form: StoredForm, changes: readonly WatchChange[]): Promise<readonly WatchChange[]> {
  const stored = changes.flatMap((change) => (change.type === 'BOOKMARK' ? [] : [change.stored]));
  const shown = await readManyStored(form, stored);
  let next = 0;
  return changes.map((change) => {
    if (change.type === 'BOOKMARK') return change;
    const as = shown[next++];
    return as && as !== change.stored ? { ...change, stored: as } : change;
  });
}
