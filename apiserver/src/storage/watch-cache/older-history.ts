/** Changes that have left the memory, read from the backend's own history. */
import { type Backend, type ChangeEvent, type Revision, StorageError } from '../backend.ts';
import { rangeOfPrefix } from '../keys.ts';
import type { StoredObject, StoreEvent } from '../object-store.ts';
import { deletedFrom, storedFrom } from '../stored-object.ts';

/**
 * Changes below a prefix after `after`, in order, until at least `until` has been reached. Throws 'compacted' when the
 * backend does not have them any more either.
 */
export async function* olderChanges(
  backend: Backend,
  prefix: string,
  { after, until, signal }: { readonly after: Revision; readonly until: Revision; readonly signal: AbortSignal },
): AsyncGenerator<{ events: StoreEvent[]; reached: Revision }> {
  for await (const batch of backend.watch(rangeOfPrefix(prefix), after, signal)) {
    const events: StoreEvent[] = [];
    for (const event of batch.events) events.push(await storeEventOf(backend, event, signal));
    yield { events, reached: batch.revision };
    if (batch.revision >= until) return;
  }
}

async function storeEventOf(backend: Backend, event: ChangeEvent, signal: AbortSignal): Promise<StoreEvent> {
  const revision = event.modRevision;
  if (event.type === 'put') {
    const previous = event.createRevision === revision ? undefined : await before(backend, event, signal);
    return { revision, current: storedOf(event, event.value), previous };
  }
  const last = event.value ? storedOf(event, event.value) : await before(backend, event, signal);
  if (!last) throw new StorageError('compacted', `what revision ${revision} deleted has been compacted`);
  return { revision, current: undefined, previous: deletedFrom(last, revision, event.cause) };
}

async function before(backend: Backend, event: ChangeEvent, signal: AbortSignal): Promise<StoredObject | undefined> {
  const { entry } = await backend.get(event.key, { at: event.modRevision - 1n, signal });
  return entry && storedFrom(entry);
}

function storedOf(event: ChangeEvent, value: Uint8Array | undefined): StoredObject {
  return storedFrom({ ...event, value: value ?? new Uint8Array(0) });
}
