/**
 * Writes: checked as a request first, then against the state, then applied, all at one moment. The order of the checks and
 * the revisions in the answers are etcd's (3.4, `applierV3backend`).
 */
import { status } from '@grpc/grpc-js';
import type { EmbeddedStore } from '../embedded/embedded-store.ts';
import type { Transaction, Version } from '../embedded/transaction.ts';
import { revisionOf } from '../embedded/records.ts';
import { keyFrom, rangeFrom } from './key-bytes.ts';
import {
  type Compare,
  compareResults,
  compareTargets,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from './messages.ts';
import { checkRevision, keyValueOf, rangeReply, transactionSource } from './range.ts';
import { RpcError, rpcError } from './rpc-errors.ts';
import { valueFromWire, wireFromValue } from './wire-value.ts';

/** etcd's defaults, which Kubernetes lives within. */
export const opsMax = 128;
export const requestBytesMax = 1.5 * 1024 * 1024;

export function checkPut(request: PutRequest): void {
  keyFrom(request.key);
  if (request.ignore_value && request.value.length > 0) throw rpcError('valueProvided');
  if (request.ignore_lease && request.lease !== '0') throw rpcError('leaseProvided');
  if (request.key.length + request.value.length > requestBytesMax) throw rpcError('requestTooLarge');
}

export function checkTxn({ compare, success, failure }: TxnRequest): void {
  if (Math.max(compare.length, success.length, failure.length) > opsMax) throw rpcError('tooManyOps');
  if (compare.some(({ key }) => key.length === 0)) throw rpcError('emptyKey');
  let bytes = 0;
  for (const op of [...success, ...failure]) {
    checkOp(op);
    bytes += (op.request_put?.key.length ?? 0) + (op.request_put?.value.length ?? 0);
  }
  if (bytes > requestBytesMax) throw rpcError('requestTooLarge');
  checkDuplicates(success);
  checkDuplicates(failure);
}

function checkOp({ request_range: range, request_put: put, request_delete_range: remove, request }: RequestOp): void {
  if (request === 'request_txn') throw new RpcError(status.UNIMPLEMENTED, 'this store takes no nested transactions');
  if (range && range.key.length === 0) throw rpcError('emptyKey');
  if (put) checkPut(put);
  if (remove && remove.key.length === 0) throw rpcError('emptyKey');
}

/** A key is put once, and not deleted as well. (etcd overlooks a delete of an open range, `range_end` NUL.) */
function checkDuplicates(ops: readonly RequestOp[]): void {
  const puts = new Set<string>();
  for (const { request_put: put } of ops) {
    if (!put) continue;
    const key = keyFrom(put.key);
    if (puts.has(key)) throw rpcError('duplicateKey');
    puts.add(key);
  }
  for (const { request_delete_range: remove } of ops) {
    if (!remove) continue;
    const { from, to } = rangeFrom(remove.key, remove.range_end);
    for (const key of puts) if (key >= from && key < to) throw rpcError('duplicateKey');
  }
}

export class Applier {
  readonly #store: EmbeddedStore;
  readonly #transaction: Transaction;

  constructor(store: EmbeddedStore, transaction: Transaction) {
    this.#store = store;
    this.#transaction = transaction;
  }

  /** What a reader of this transaction is told. */
  get revision(): number {
    return this.#transaction.isChanging ? this.#transaction.revision : this.#transaction.revision - 1;
  }

  txn(request: TxnRequest): Omit<TxnResponse, 'header'> {
    const succeeded = request.compare.every((compare) => this.#holds(compare));
    const ops = succeeded ? request.success : request.failure;
    for (const { request_put: put } of ops) if (put) this.#checkPut(put);
    for (const { request_range: range } of ops) if (range) this.#checkRange(range);
    return { succeeded, responses: ops.map((op) => this.#apply(op)) };
  }

  /** A put by itself: the lease is looked up before the key, in a transaction after it. */
  singlePut(request: PutRequest): PutResponse {
    this.#checkLease(request);
    return this.#put(request);
  }

  #put(request: PutRequest): PutResponse {
    this.#checkPut(request);
    const key = keyFrom(request.key);
    const before = this.#transaction.get(key);
    const bytes =
      request.ignore_value && before ? wireFromValue(before.change.value, before.change.cause) : request.value;
    const { value, cause } = valueFromWire(Buffer.from(bytes));
    const lease = request.ignore_lease && before ? before.change.lease : BigInt(request.lease);
    this.#transaction.put(key, value, { cause, lease });
    const previous = request.prev_kv && before ? { prev_kv: keyValueOf(before) } : {};
    return { header: { revision: this.revision }, ...previous };
  }

  deleteRange(request: DeleteRangeRequest): DeleteRangeResponse {
    const found = [...this.#transaction.range(rangeFrom(request.key, request.range_end))];
    for (const { change } of found) this.#transaction.remove(change.key, deleteCause);
    const previous = request.prev_kv ? found.map((version) => keyValueOf(version)) : [];
    return { header: { revision: this.revision }, deleted: found.length, prev_kvs: previous };
  }

  #checkPut(request: PutRequest): void {
    const isMissing = this.#transaction.get(keyFrom(request.key)) === undefined;
    if ((request.ignore_value || request.ignore_lease) && isMissing) throw rpcError('keyNotFound');
    this.#checkLease(request);
  }

  #checkLease({ lease }: PutRequest): void {
    if (lease !== '0' && !this.#store.leases.get(BigInt(lease))) throw rpcError('leaseNotFound');
  }

  #checkRange(request: RangeRequest): void {
    checkRevision(request, this.#transaction.revision - 1, this.#store.compacted);
  }

  #apply({ request_range: range, request_put: put, request_delete_range: remove }: RequestOp): ResponseOp {
    if (range) {
      const source = transactionSource(this.#store, this.#transaction);
      return { response_range: { header: { revision: this.revision }, ...rangeReply(range, source) } };
    }
    if (put) return { response_put: this.#put(put) };
    if (remove) return { response_delete_range: this.deleteRange(remove) };
    return {};
  }

  #holds(compare: Compare): boolean {
    const found = [...this.#transaction.range(rangeFrom(compare.key, compare.range_end))];
    // There is no way to ask for the value of a key that does not exist.
    if (found.length === 0) return compare.target !== compareTargets.value && holds(compare, undefined);
    return found.every((version) => holds(compare, version));
  }
}

function holds(compare: Compare, version: Version | undefined): boolean {
  const order = orderOf(compare, version);
  switch (compare.result) {
    case compareResults.equal:
      return order === 0;
    case compareResults.notEqual:
      return order !== 0;
    case compareResults.greater:
      return order > 0;
    case compareResults.less:
      return order < 0;
    default:
      return true;
  }
}

function orderOf(compare: Compare, version: Version | undefined): number {
  const change = version?.change;
  switch (compare.target) {
    case compareTargets.version:
      return (change?.version ?? 0) - Number(compare.version ?? 0);
    case compareTargets.create:
      return revisionOf(change?.createRevision ?? 0) - Number(compare.create_revision ?? 0);
    case compareTargets.mod:
      return revisionOf(version?.number ?? 0) - Number(compare.mod_revision ?? 0);
    case compareTargets.value:
      return Buffer.compare(change ? wireFromValue(change.value, change.cause) : noBytes, compare.value ?? noBytes);
    default:
      return Number((change?.lease ?? 0n) - BigInt(compare.lease ?? 0));
  }
}

const noBytes = Buffer.alloc(0);

/** Whoever deletes over this API puts the cause elsewhere (see `etcd/envelope.ts`). */
const deleteCause = '';
