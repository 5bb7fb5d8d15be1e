import { StatusError } from '@slipway/api/status-error';
import { isAbort } from '@slipway/kit/abort';
import { accessDenied, clientException, EcsError, invalidParameter, refusals } from './ecs-error.ts';

/** The one place where errors become exceptions of ECS: what the registry answers in Kubernetes' words is told in ECS' codes. */
export function exceptionFrom(error: unknown): EcsError {
  if (error instanceof EcsError) return error;
  if (error instanceof StatusError) return fromStatus(error);
  if (isAbort(error)) {
    return new EcsError('ServiceUnavailable', 'The server is shutting down.', { httpStatus: 503, cause: error });
  }
  return refusals.broken(error);
}

function fromStatus(error: StatusError): EcsError {
  switch (error.reason) {
    case 'Unauthorized':
    case 'Forbidden':
      return accessDenied(error.message);
    case 'TooManyRequests':
      return refusals.busy();
    case 'Invalid':
      return clientException(invalidFields(error));
    case 'BadRequest':
      return clientException(error.message);
    case 'RequestEntityTooLarge':
      return invalidParameter(error.message);
    case 'NotFound':
      return new EcsError('ResourceNotFoundException', 'The resource is not there any more.', { cause: error });
    case 'Conflict':
    case 'AlreadyExists':
      return new EcsError(
        'ConflictException',
        'The resource was changed by another request at the same time: try again.',
        {
          cause: error,
        },
      );
    default:
      return refusals.broken(error);
  }
}

/** Of the server's own validation: what is wrong with which field, without the object that the client does not know of. */
export function invalidFields({ message, details }: StatusError): string {
  const problems = (details?.causes ?? []).flatMap(({ field = '', message: text = '' }) =>
    field === '' || field === '<nil>' ? [] : [`Invalid value at '${field.replace(/^spec\./, '')}': ${plain(text)}`],
  );
  return problems.length > 0 ? `${problems.slice(0, problemsMax).join('. ')}.` : message;
}

const problemsMax = 5;

/** `Invalid value: "x": spec.field in body should be ...` → `should be ...` */
function plain(text: string): string {
  return text.replace(/^Invalid value: (?:"(?:[^"\\]|\\.)*"|[^:]*): (?:\S+ in body )?/, '').replace(/\.$/, '');
}
