import { StatusError } from '@slipway/api/status-error';
import { forbidden } from '../registry/status-errors.ts';
import type { AccessRequest, Authorizer, Decision } from './access-request.ts';

/** Allowed to do everything, whatever the roles say: the way back in when they are broken. */
export const mastersGroup = 'system:masters';

/** Asks each in turn; the first that allows decides. */
export class AuthorizerChain implements Authorizer {
  readonly #chain: readonly Authorizer[];

  constructor(chain: readonly Authorizer[]) {
    this.#chain = chain;
  }

  decide(request: AccessRequest): Decision {
    if (request.user.groups.includes(mastersGroup)) return { allowed: true, reason: 'system:masters' };
    for (const authorizer of this.#chain) {
      const decision = authorizer.decide(request);
      if (decision.allowed) return decision;
    }
    return { allowed: false };
  }
}

/** Throws StatusError Forbidden in upstream's words. */
export function authorize(authorizer: Authorizer, request: AccessRequest): void {
  if (!authorizer.decide(request).allowed) throw refusal(request);
}

function refusal(request: AccessRequest): StatusError {
  const user = JSON.stringify(request.user.name);
  if (request.kind === 'path') {
    return new StatusError(
      'Forbidden',
      `forbidden: User ${user} cannot ${request.verb} path ${JSON.stringify(request.path)}`,
      {
        details: {},
      },
    );
  }
  const { group, resource, subresource, namespace, name, verb } = request;
  const what = JSON.stringify(subresource === '' ? resource : `${resource}/${subresource}`);
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const reason = `User ${user} cannot ${verb} resource ${what} in API group ${JSON.stringify(group)} ${where}`;
  return forbidden({ group, resource }, name, reason);
}
