/**
 * The line that every request for a resource takes, whether it came over HTTP or from the same process:
 *
 *   authenticate → authorise → find → decode → default → admit (mutate) → validate → admit (validate) → store → answer
 *
 * What stands between decode and answer runs inside the registry, in this order, because an update that loses a race repeats it on the
 * newer object: see `registry/create-object.ts`, `update-object.ts`, `delete-object.ts`.
 */
import type { Cause } from '@slipway/api/cause';
import { StatusError } from '@slipway/api/status-error';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { Admission } from '../admission/admission.ts';
import type { ResourceAccess } from '../authz/access-request.ts';
import { authorize } from '../authz/authorizer.ts';
import type { Authorizer } from '../authz/access-request.ts';
import { checkListOptions, checkWriteOptions } from '../registry/call-options.ts';
import type { ServedKinds, ServedResource } from '../registry/kinds.ts';
import { unknownPath } from '../registry/status-errors.ts';
import type { StrategyContext, UserInfo } from '../registry/strategy.ts';
import type { TokenIssuer } from '../registry/subresources/token.ts';
import type { Limits } from '../config.ts';
import type { Answer } from './answer.ts';
import type { Incoming } from './incoming.ts';
import { answerObject } from './object-verbs.ts';
import { answerReview, type ReviewResource } from './reviews.ts';
import { answerSubresource } from './subresource-verbs.ts';

export interface LineParts {
  readonly kinds: ServedKinds;
  readonly reviews: readonly ReviewResource[];
  readonly authorizer: Authorizer;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly tokens: TokenIssuer;
  readonly read: StrategyContext['read'];
}

/** A request whose user is known and may do what it asks. */
export interface Admitted {
  readonly incoming: Incoming;
  readonly user: UserInfo;
  readonly served: ServedResource;
  readonly cause: Cause;
}

/** Throws StatusError, and nothing else that a client may see. */
export async function answer(incoming: Incoming, parts: LineParts): Promise<Answer> {
  const user = incoming.authenticate();
  authorize(parts.authorizer, accessOf(incoming, user));
  const { address, verb } = incoming;
  const review = parts.reviews.find(({ api }) => isAt(api, address));
  if (review) return answerReview(review, incoming, user);
  const served = parts.kinds.find(address);
  if (!served || !fitsScope(served, incoming)) throw unknownPath();
  if (!fitsVerb(served, incoming)) throw methodNotAllowed();
  const admitted: Admitted = { incoming, user, served, cause: causeOf(incoming, user) };
  if (served.deprecationWarning !== undefined) incoming.warnings.push(served.deprecationWarning);
  if (verb === 'create' && served.refusesCreate !== undefined) throw createRefused(served.refusesCreate);
  checkOptions(incoming);
  if (address.subresource !== undefined) {
    const subresource = served.api.subresources.find(({ name }) => name === address.subresource);
    if (!subresource) throw unknownPath();
    if (!(subresource.verbs as readonly string[]).includes(verb)) throw methodNotAllowed();
    return await answerSubresource(admitted, subresource, parts);
  }
  if (!(served.api.verbs as readonly string[]).includes(verb)) throw methodNotAllowed();
  return await answerObject(admitted, parts);
}

export function accessOf(incoming: Pick<Incoming, 'address' | 'verb' | 'options'>, user: UserInfo): ResourceAccess {
  const { address, verb, options } = incoming;
  const isNamespace = address.group === '' && address.resource === 'namespaces';
  return {
    kind: 'resource',
    user,
    verb,
    group: address.group,
    version: address.version,
    resource: address.resource,
    subresource: address.subresource ?? '',
    // As upstream: a namespace lies in itself, so that a role inside it can grant reading it.
    namespace: address.namespace ?? (isNamespace ? (address.name ?? '') : ''),
    name: address.name ?? exactName(options.fieldSelector) ?? '',
    fieldSelector: options.fieldSelector,
  };
}

/** A list or watch of one name counts as access to that name. */
function exactName(fieldSelector: string | undefined): string | undefined {
  return fieldSelector?.match(/(?:^|,)metadata\.name==?([^,\\]+)(?:,|$)/)?.[1];
}

function isAt(
  api: { readonly group: string; readonly version: string; readonly resource: string },
  address: Incoming['address'],
) {
  return api.resource === address.resource && api.group === address.group && api.version === address.version;
}

/** Objects of a namespaced kind have a namespace in their path, and collections may. */
function fitsScope({ api }: ServedResource, { address }: Incoming): boolean {
  if (!api.namespaced) return address.namespace === undefined;
  return address.namespace !== undefined || address.name === undefined;
}

/** The collection of all namespaces is only read; a collection is not written as one, nor is an object created at its own path. */
function fitsVerb({ api }: ServedResource, { address, verb }: Incoming): boolean {
  if (api.namespaced && address.namespace === undefined) return verb === 'list' || verb === 'watch';
  if (address.subresource !== undefined) return true;
  if (verb === 'create') return address.name === undefined;
  return address.name !== undefined || (verb !== 'update' && verb !== 'patch');
}

function checkOptions({ verb, options, patchType }: Incoming): void {
  if (verb === 'list' || verb === 'watch' || verb === 'deletecollection') checkListOptions(options, verb === 'watch');
  else if (verb === 'create' || verb === 'update' || verb === 'patch')
    checkWriteOptions(options, verb, patchType === 'apply');
}

export function methodNotAllowed(): StatusError {
  return new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });
}

function createRefused(reason: string): StatusError {
  return new StatusError('MethodNotAllowed', reason, { details: {} });
}

/** Only parts of the system may say that they act for something else than the request itself. */
function causeOf(incoming: Incoming, user: UserInfo): Cause {
  const isTrusted = isPartOfTheSystem(user.name) || user.groups.includes('system:masters');
  const claimed = isTrusted ? incoming.claimedCause : undefined;
  return {
    user: user.name,
    verb: incoming.verb,
    ...(incoming.userAgent === '' ? {} : { userAgent: incoming.userAgent }),
    ...(claimed?.controller === undefined ? {} : { controller: claimed.controller }),
    ...(claimed?.object === undefined ? {} : { object: claimed.object }),
  };
}

/** Controllers are service accounts of kube-system; those of other namespaces are anybody's programs. */
function isPartOfTheSystem(user: string): boolean {
  if (user.startsWith('system:serviceaccount:')) return user.startsWith('system:serviceaccount:kube-system:');
  return user.startsWith('system:') && user !== 'system:anonymous' && !user.startsWith('system:bootstrap:');
}
