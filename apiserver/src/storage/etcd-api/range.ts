/** Range requests: which versions, in which order, how many of them. The rules are etcd's (3.4, `applierV3backend.Range`). */
import { status } from '@grpc/grpc-js';
import type { KeyRange } from '../backend.ts';
import type { EmbeddedStore } from '../embedded/embedded-store.ts';
import { pageAt, pageOfHead } from '../embedded/pages.ts';
import { revisionOf } from '../embedded/records.ts';
import type { Transaction, Version } from '../embedded/transaction.ts';
import { rangeFrom } from './key-bytes.ts';
import { type KeyValue, type RangeRequest, type RangeResponse, sortOrders, sortTargets } from './messages.ts';
import { RpcError, rpcError } from './rpc-errors.ts';
import { wireFromValue } from './wire-value.ts';

/** Where versions are read: the newest durable state, or a transaction's. */
export interface RangeSource {
  /** The revision that a reader is told. */
  readonly revision: number;
  /** At most `limit` versions (0 = all), and how many there are. */
  select(range: KeyRange, limit: number): { readonly versions: readonly Version[]; readonly count: number };
  selectAt(
    range: KeyRange,
    limit: number,
    revision: number,
  ): { readonly versions: readonly Version[]; readonly count: number };
}

export function durableSource(store: EmbeddedStore): RangeSource {
  const { tables } = store;
  const selected = ({ revisions, remaining }: ReturnType<typeof pageAt>) => ({
    versions: revisions.map((number) => versionOf(store, number)),
    count: revisions.length + remaining,
  });
  return {
    revision: store.head,
    select: (range, limit) => selected(pageOfHead(tables, range, limit)),
    selectAt: (range, limit, revision) => selected(pageAt(tables, range, revision, limit)),
  };
}

export function transactionSource(store: EmbeddedStore, transaction: Transaction): RangeSource {
  return {
    revision: transaction.isChanging ? transaction.revision : transaction.revision - 1,
    select: (range, limit) => {
      const all = [...transaction.range(range)];
      return { versions: limit > 0 ? all.slice(0, limit) : all, count: all.length };
    },
    selectAt: (range, limit, revision) => {
      // Of revisions that are on their way to the disk only the newest can be seen.
      if (revision > store.head) throw new RpcError(status.UNAVAILABLE, 'etcdserver: request timed out');
      return durableSource(store).selectAt(range, limit, revision);
    },
  };
}

function versionOf(store: EmbeddedStore, number: number): Version {
  const change = store.tables.change(number);
  if (!change) throw rpcError('corrupt');
  return { number, change };
}

/** Throws when the revision asked for is not there any more or not yet. */
export function checkRevision(request: RangeRequest, current: number, compacted: number): void {
  const revision = Number(request.revision);
  if (revision > current) throw rpcError('futureRevision');
  if (revision > 0 && revision < compacted) throw rpcError('compacted');
}

export function rangeReply(request: RangeRequest, source: RangeSource): Omit<RangeResponse, 'header'> {
  const range = rangeFrom(request.key, request.range_end);
  const limit = Math.max(Number(request.limit), 0);
  const revision = Number(request.revision);
  const isWhole = request.sort_order !== sortOrders.none || filters(request).length > 0;
  const fetched = request.count_only ? 1 : isWhole || limit === 0 ? 0 : limit + 1;
  const isPast = revision > 0 && revision < source.revision;
  const { versions, count } = isPast ? source.selectAt(range, fetched, revision) : source.select(range, fetched);
  if (request.count_only) return { kvs: [], more: false, count };
  const found = sorted(
    versions.filter((version) => filters(request).every((keep) => keep(version))),
    request,
  );
  const shown = limit > 0 ? found.slice(0, limit) : found;
  const kvs = shown.map((version) => keyValueOf(version, { isKeyOnly: request.keys_only }));
  return { kvs, more: limit > 0 && found.length > limit, count };
}

function filters(request: RangeRequest): ((version: Version) => boolean)[] {
  const bounds = [
    [request.min_mod_revision, (bound: number, { number }: Version) => revisionOf(number) >= bound],
    [request.max_mod_revision, (bound: number, { number }: Version) => revisionOf(number) <= bound],
    [request.min_create_revision, (bound: number, { change }: Version) => revisionOf(change.createRevision) >= bound],
    [request.max_create_revision, (bound: number, { change }: Version) => revisionOf(change.createRevision) <= bound],
  ] as const;
  return bounds
    .filter(([bound]) => bound !== '0')
    .map(
      ([bound, keep]) =>
        (version) =>
          keep(Number(bound), version),
    );
}

const orders: Readonly<Record<number, (a: Version, b: Version) => number>> = {
  [sortTargets.version]: (a, b) => a.change.version - b.change.version,
  [sortTargets.create]: (a, b) => revisionOf(a.change.createRevision) - revisionOf(b.change.createRevision),
  [sortTargets.mod]: (a, b) => revisionOf(a.number) - revisionOf(b.number),
  [sortTargets.value]: (a, b) => Buffer.compare(wireValue(a), wireValue(b)),
};

/** They come in the order of keys. */
function sorted(versions: readonly Version[], { sort_order, sort_target }: RangeRequest): readonly Version[] {
  const order = orders[sort_target];
  const ascending = order ? versions.toSorted(order) : versions;
  return sort_order === sortOrders.descend ? ascending.toReversed() : ascending;
}

function wireValue({ change }: Version): Uint8Array {
  return wireFromValue(change.value, change.cause);
}

export function keyValueOf(
  { number, change }: Version,
  { isKeyOnly = false }: { readonly isKeyOnly?: boolean } = {},
): KeyValue {
  return {
    key: Buffer.from(change.key),
    create_revision: revisionOf(change.createRevision),
    mod_revision: revisionOf(number),
    version: change.version,
    lease: String(change.lease),
    ...(isKeyOnly ? {} : { value: wireValue({ number, change }) }),
  };
}
