/** etcd's and gRPC's errors in the words of the waist. */
import { isAbort } from '@slipway/kit/abort';
import { messageOf } from '@slipway/kit/errors';
import { EtcdLeaseInvalidError } from 'etcd3';
import { StorageError, type StorageErrorReason } from '../backend.ts';

/** What etcd writes into its messages (`etcdserver/api/v3rpc/rpctypes`). */
const reasons: readonly (readonly [string, StorageErrorReason])[] = [
  ['required revision has been compacted', 'compacted'],
  ['required revision is a future revision', 'futureRevision'],
  ['database space exceeded', 'full'],
  ['corrupt cluster', 'corrupt'],
];

/** Everything that is not said otherwise is a matter of reaching a working etcd. */
export function translateEtcdError(error: unknown): unknown {
  if (error instanceof StorageError || isAbort(error)) return error;
  const message = messageOf(error);
  const reason = reasons.find(([text]) => message.includes(text))?.[1] ?? 'unavailable';
  return new StorageError(reason, `etcd: ${withoutWrapping(message)}`, { cause: error });
}

/** gRPC says `14 UNAVAILABLE: No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:2379. Resolution note: `. */
function withoutWrapping(message: string): string {
  return message
    .replace(/^\d+ [A-Z_]+: /, '')
    .replace(/^No connection established\. Last error: (null|Error: )?/, 'no connection: ')
    .replace(/: \. Resolution/, '. Resolution')
    .replace(/\.? Resolution note:.*$/s, '');
}

export function isLeaseGone(error: unknown): boolean {
  return error instanceof EtcdLeaseInvalidError || messageOf(error).includes('requested lease not found');
}

/** What is said before anything was sent, and what etcd says of proposals that it did not take on. */
const unsentTexts = [
  'No connection established',
  'Name resolution failed',
  'ECONNREFUSED',
  'raft proposal dropped',
  'too many requests',
];

/** gRPC's codes of answers that are given on purpose: what was asked was not done, and is not to be asked again. */
const refusal = /^(3|5|6|7|9|11|12|16) [A-Z_]+:/;

/** Whether what failed was certainly not carried out, nor will be; another try may succeed. */
export function isUnsent(error: unknown): boolean {
  const message = originalMessage(error);
  return unsentTexts.some((text) => message.includes(text));
}

export function isRefused(error: unknown): boolean {
  return refusal.test(originalMessage(error));
}

function originalMessage(error: unknown): string {
  return messageOf(error instanceof StorageError ? (error.cause ?? error) : error);
}

export function unknownOutcome(error: unknown): StorageError {
  return new StorageError('unknownOutcome', messageOf(error), { cause: error });
}
