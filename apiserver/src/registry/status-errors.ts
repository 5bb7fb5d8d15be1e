/** The errors of the API in upstream's words, each made in one place. */
import { type StatusDetails, StatusError } from '@slipway/api/status-error';

/** `pods` or `deployments.apps`. */
export function qualified(name: string, group: string): string {
  return group === '' ? name : `${name}.${group}`;
}

interface Named {
  readonly group: string;
  readonly resource: string;
}

function detailsOf({ group, resource }: Named, name: string, more: Partial<StatusDetails> = {}): StatusDetails {
  return { name, ...(group === '' ? {} : { group }), kind: resource, ...more };
}

export function notFound(resource: Named, name: string): StatusError {
  return new StatusError('NotFound', `${qualified(resource.resource, resource.group)} "${name}" not found`, {
    details: detailsOf(resource, name),
  });
}

export function alreadyExists(resource: Named, name: string): StatusError {
  return new StatusError('AlreadyExists', `${qualified(resource.resource, resource.group)} "${name}" already exists`, {
    details: detailsOf(resource, name),
  });
}

export const modifiedReason =
  'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(resource: Named, name: string, reason: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(resource.resource, resource.group)} "${name}": ${reason}`;
  return new StatusError('Conflict', message, { details: detailsOf(resource, name) });
}

export function forbidden(resource: Named, name: string, reason: string): StatusError {
  const subject = qualified(resource.resource, resource.group);
  const message = name === '' ? `${subject} is forbidden: ${reason}` : `${subject} "${name}" is forbidden: ${reason}`;
  return new StatusError('Forbidden', message, { details: detailsOf(resource, name) });
}

export function badRequest(message: string, cause?: unknown): StatusError {
  return new StatusError('BadRequest', message, { cause });
}

/** An object goes where its path says. Throws StatusError BadRequest. */
export function checkName({ metadata }: { readonly metadata: { readonly name?: string } }, name: string): void {
  if (metadata.name === name) return;
  throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
}

export function methodNotSupported(resource: Named, verb: string): StatusError {
  const message = `${verb} is not supported on resources of kind "${qualified(resource.resource, resource.group)}"`;
  return new StatusError('MethodNotAllowed', message, { details: detailsOf(resource, '') });
}

/** What a path gets that nothing is served at. */
export function unknownPath(): StatusError {
  return new StatusError('NotFound', 'the server could not find the requested resource', { details: {} });
}

export function tooLargeResourceVersion(asked: bigint | string, current: bigint): StatusError {
  return new StatusError('Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}
