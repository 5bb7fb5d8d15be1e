import { StatusError } from '@slipway/api/status-error';
import { StorageError } from '../storage/backend.ts';

/** The one place where errors of the storage become errors of the API. Whatever it does not know stays as it is. */
export function statusFromStorage(error: unknown): unknown {
  if (!(error instanceof StorageError)) return error;
  switch (error.reason) {
    case 'compacted':
      return new StatusError('Expired', 'The resourceVersion for the provided list is too old.', { cause: error });
    case 'futureRevision':
      return new StatusError('Timeout', `Too large resource version: ${error.message}`, {
        details: {
          causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
          retryAfterSeconds: 1,
        },
        cause: error,
      });
    case 'unavailable':
    case 'locked':
    case 'notEmpty':
      return new StatusError('ServiceUnavailable', `the storage cannot be reached: ${error.message}`, {
        details: { retryAfterSeconds: 1 },
        cause: error,
      });
    case 'unknownOutcome':
      // Without a Retry-After: clients that find one send the request again by themselves.
      return new StatusError('Timeout', `the storage did not say whether the write happened: ${error.message}`, {
        cause: error,
      });
    case 'full':
      return new StatusError('InternalError', `the storage has no room left: ${error.message}`, { cause: error });
    case 'corrupt':
      return new StatusError('InternalError', `the storage is damaged: ${error.message}`, { cause: error });
  }
}

/** Whether a write that failed with this error certainly did not happen, nor will. */
export function isKnownUnwritten(error: unknown): boolean {
  return error instanceof StorageError && error.reason !== 'unknownOutcome';
}

export async function storageCall<T>(work: Promise<T> | T): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw statusFromStorage(error);
  }
}
