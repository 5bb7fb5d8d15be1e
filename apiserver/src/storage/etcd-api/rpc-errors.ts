/** The errors of the API: codes and texts are etcd's own, since clients know them by their texts. */
import { status } from '@grpc/grpc-js';
import { messageOf } from '@slipway/kit/errors';
import { StorageError, type StorageErrorReason } from '../backend.ts';
import { TransactionTooLargeError } from '../embedded/transaction.ts';

export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

const known = {
  emptyKey: [status.INVALID_ARGUMENT, 'etcdserver: key is not provided'],
  keyNotFound: [status.INVALID_ARGUMENT, 'etcdserver: key not found'],
  valueProvided: [status.INVALID_ARGUMENT, 'etcdserver: value is provided'],
  leaseProvided: [status.INVALID_ARGUMENT, 'etcdserver: lease is provided'],
  tooManyOps: [status.INVALID_ARGUMENT, 'etcdserver: too many operations in txn request'],
  duplicateKey: [status.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request'],
  requestTooLarge: [status.INVALID_ARGUMENT, 'etcdserver: request is too large'],
  compacted: [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted'],
  futureRevision: [status.OUT_OF_RANGE, 'etcdserver: mvcc: required revision is a future revision'],
  noSpace: [status.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'],
  leaseNotFound: [status.NOT_FOUND, 'etcdserver: requested lease not found'],
  leaseExists: [status.FAILED_PRECONDITION, 'etcdserver: lease already exists'],
  leaseTtlTooLarge: [status.OUT_OF_RANGE, 'etcdserver: too large lease TTL'],
  corrupt: [status.DATA_LOSS, 'etcdserver: corrupt cluster'],
  tooManyRequests: [status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests'],
} as const satisfies Readonly<Record<string, readonly [status, string]>>;

export function rpcError(name: keyof typeof known): RpcError {
  const [code, text] = known[name];
  return new RpcError(code, text);
}

const reasons: Readonly<Partial<Record<StorageErrorReason, keyof typeof known>>> = {
  compacted: 'compacted',
  futureRevision: 'futureRevision',
  full: 'noSpace',
  corrupt: 'corrupt',
};

/** Everything that the store throws, as gRPC tells it. */
export function rpcErrorFrom(error: unknown): { readonly code: status; readonly details: string } {
  if (error instanceof RpcError) return { code: error.code, details: error.message };
  if (error instanceof StorageError) {
    const name = reasons[error.reason];
    if (name) return { code: known[name][0], details: known[name][1] };
    return { code: status.UNAVAILABLE, details: `etcdserver: ${error.message}` };
  }
  if (error instanceof TransactionTooLargeError) return { code: status.RESOURCE_EXHAUSTED, details: error.message };
  return { code: status.INTERNAL, details: messageOf(error) };
}
