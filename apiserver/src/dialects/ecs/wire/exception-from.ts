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
    case 'BadRequest':
      return clientException(error.message);
    case 'RequestEntityTooLarge':
      return invalidParameter(error.message);
    case 'NotFound':
      return new EcsError('ResourceNotFoundException', error.message);
    case 'Conflict':
    case 'AlreadyExists':
      return new EcsError('ConflictException', error.message);
    default:
      return refusals.broken(error);
  }
}
