import { StatusError } from '@slipway/api/status-error';
import { isAbort } from '@slipway/kit/abort';
import { messageOf } from '@slipway/kit/errors';
import { statusFromStorage } from '../registry/storage-errors.ts';

/** The one place where errors become answers. What is no StatusError is our own mistake, or the server is going down. */
export function statusFrom(error: unknown): StatusError {
  const known = statusFromStorage(error);
  if (known instanceof StatusError) return known;
  if (isAbort(error)) {
    return new StatusError('ServiceUnavailable', 'the server is shutting down', { details: { retryAfterSeconds: 1 } });
  }
  return new StatusError('InternalError', `Internal error occurred: ${messageOf(error)}`, {
    details: { causes: [{ message: messageOf(error) }] },
    cause: error,
  });
}

/** Worth a line in the log: nothing that the client did wrong. */
export function isOurMistake(status: StatusError): boolean {
  return status.code >= 500 && status.cause !== undefined;
}
