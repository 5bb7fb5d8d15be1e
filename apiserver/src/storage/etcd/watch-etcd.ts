/** One watch of etcd: a stream of its own, which ends at the first error. Who watches begins again where it was. */
import { isAbort } from '@slipway/kit/abort';
import type { IEvent, IWatchResponse } from 'etcd3';
import { type ChangeEvent, type KeyRange, type Revision, StorageError, type WatchBatch } from '../backend.ts';
import { decodeValue, keyOfCauseKey, withoutMark } from './envelope.ts';
import { translateEtcdError } from './etcd-errors.ts';
import type { EtcdMembers } from './members.ts';

/** The bounds that mean "all keys" in etcd. */
const zero = Buffer.of(0);

const expiryCause = JSON.stringify({ controller: 'expiry' });

export async function* watchEtcd(
  members: EtcdMembers,
  range: KeyRange,
  after: Revision,
  signal: AbortSignal,
): AsyncGenerator<WatchBatch, void, void> {
  signal.throwIfAborted();
  const member = members.current();
  const stream = await member.client.watchClient.watch().catch((error) => {
    members.moveOn(member);
    throw translateEtcdError(error);
  });
  const ended = AbortSignal.any([signal, member.given]);
  const stop = () => stream.cancel();
  ended.addEventListener('abort', stop, { once: true });
  try {
    stream.write({
      create_request: {
        key: zero,
        range_end: zero,
        start_revision: String(after + 1n),
        prev_kv: true,
        progress_notify: true,
      },
    });
    let reached = after;
    for await (const response of stream as unknown as AsyncIterable<IWatchResponse>) {
      ended.throwIfAborted();
      checkNotCanceled(response, after);
      const revision = BigInt(response.header.revision);
      // The answer to the request tells where the store is, not what this watch has seen.
      if (response.created || (response.events.length === 0 && revision <= reached)) continue;
      const batch = batchOf(response.events, range, revision);
      reached = batch.revision;
      yield batch;
    }
    throw new StorageError('unavailable', 'etcd ended the watch');
  } catch (error) {
    ended.throwIfAborted();
    if (!(error instanceof StorageError)) members.moveOn(member);
    throw isAbort(error) ? error : translateEtcdError(error);
  } finally {
    ended.removeEventListener('abort', stop);
    stream.cancel();
  }
}

function checkNotCanceled(response: IWatchResponse, after: Revision): void {
  if (!response.canceled) return;
  if (response.compact_revision !== '0') {
    const text = `revision ${after} has been compacted: the history begins at ${response.compact_revision}`;
    throw new StorageError('compacted', text);
  }
  throw new StorageError('unavailable', `etcd canceled the watch: ${response.cancel_reason || 'no reason given'}`);
}

/** Events come in order, all those of a revision in one response. */
function batchOf(events: readonly IEvent[], range: KeyRange, headRevision: Revision): WatchBatch {
  const causes = new Map<string, string>();
  const changes: ChangeEvent[] = [];
  for (const { type, kv } of events) {
    const about = keyOfCauseKey(kv.key.toString());
    if (about !== undefined && type === 'Put') {
      causes.set(`${kv.mod_revision} ${about}`, withoutMark(kv.value.toString()));
    }
  }
  for (const event of events) {
    const key = event.kv.key.toString();
    if (key < range.from || key >= range.to || keyOfCauseKey(key) !== undefined) continue;
    changes.push(changeOf(key, event, causes.get(`${event.kv.mod_revision} ${key}`)));
  }
  // While the watch catches up, the header is ahead of the events.
  const last = events.at(-1);
  return { revision: last ? BigInt(last.kv.mod_revision) : headRevision, events: changes };
}

function changeOf(
  key: string,
  { type, kv, prev_kv: previous }: IEvent,
  deletionCause: string | undefined,
): ChangeEvent {
  const modRevision = BigInt(kv.mod_revision);
  if (type === 'Put') {
    return { type: 'put', key, modRevision, createRevision: BigInt(kv.create_revision), ...decodeValue(kv.value) };
  }
  return {
    type: 'delete',
    key,
    modRevision,
    createRevision: BigInt(previous?.create_revision ?? 0),
    value: previous ? decodeValue(previous.value).value : undefined,
    cause: deletionCause ?? expiryCause,
  };
}
