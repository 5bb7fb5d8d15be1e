import { isStatus } from '@slipway/api/status-error';

/** The decision was made on an old view; the next one will be right. */
export function isStale(error: unknown): boolean {
  return isStatus(error, 'Conflict', 'NotFound', 'AlreadyExists');
}

/** Nothing can be made any more where the namespace is being deleted, and nothing needs to be. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    isStatus(error, 'Forbidden') && !!error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating')
  );
}
