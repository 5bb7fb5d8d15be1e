/** What lmdb throws and rejects with, in the words of the waist. */
import { messageOf } from '@slipway/kit/errors';
import { type Revision, StorageError } from '../backend.ts';

/** lmdb rejects with a wrapper whose `commitError` is a promise that rejects with the reason. */
export async function reasonOf(error: unknown): Promise<unknown> {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (reason) {
    return reason;
  }
}

/** LMDB's own codes for a file that it cannot make sense of: corrupted, page not found, version mismatch, invalid. */
const corruptCodes = new Set([-30797, -30796, -30794, -30793]);

export function openError(path: string, error: unknown): StorageError {
  const code = (error as { code?: unknown }).code;
  const text = messageOf(error);
  if (typeof code === 'number' && corruptCodes.has(code)) {
    const what = `${path} is damaged: ${text}; restore the data directory from a backup`;
    return new StorageError('corrupt', what, { cause: error });
  }
  return new StorageError('unavailable', `open ${path}: ${text}`, { cause: error });
}

export function futureRevision(asked: Revision, head: number): StorageError {
  return new StorageError('futureRevision', `revision ${asked} is in the future: the store is at ${head}`);
}
