/** Acting as somebody else (`kubectl --as`): who may do it says RBAC, by the verb `impersonate` on users, groups and the like. */
import type { IncomingMessage } from 'node:http';
import { anonymousUser, authenticatedGroup } from '../authn/authenticator.ts';
import type { Authorizer } from '../authz/access-request.ts';
import { authorize } from '../authz/authorizer.ts';
import { badRequest } from '../registry/status-errors.ts';
import type { UserInfo } from '../registry/strategy.ts';

const extraPrefix = 'impersonate-extra-';
const accountPrefix = 'system:serviceaccount:';

/** The user whom the request is for: its own, or the one it names. Throws StatusError Forbidden. */
export function impersonated(request: IncomingMessage, user: UserInfo, authorizer: Authorizer): UserInfo {
  const { headers } = request;
  if (!asksToImpersonate(headers)) return user;
  const name = single(headers['impersonate-user']);
  const groups = request.headersDistinct['impersonate-group'] ?? [];
  const uid = single(headers['impersonate-uid']);
  const extraNames = Object.keys(headers).filter((header) => header.startsWith(extraPrefix));
  if (name === undefined) {
    throw badRequest('requested impersonation of groups or extra attributes without impersonating a user');
  }
  const may = (
    resource: string,
    target: { readonly name: string; readonly namespace?: string; readonly group?: string },
  ) =>
    authorize(authorizer, {
      kind: 'resource',
      user,
      verb: 'impersonate',
      version: 'v1',
      group: target.group ?? '',
      resource,
      subresource: '',
      namespace: target.namespace ?? '',
      name: target.name,
    });
  const account = accountOf(name);
  if (account) may('serviceaccounts', account);
  else may('users', { name });
  for (const group of groups) may('groups', { name: group });
  if (uid !== undefined) may('uids', { name: uid, group: 'authentication.k8s.io' });
  const extra = Object.fromEntries(
    extraNames.map((header) => [
      decodeURIComponent(header.slice(extraPrefix.length)),
      request.headersDistinct[header] ?? [],
    ]),
  );
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) may(`userextras/${key}`, { name: value, group: 'authentication.k8s.io' });
  }
  return {
    name,
    groups: withImplied(name, account, groups),
    ...(uid === undefined ? {} : { uid }),
    ...(extraNames.length === 0 ? {} : { extra }),
  };
}

function asksToImpersonate(headers: IncomingMessage['headers']): boolean {
  for (const header in headers) if (header.startsWith('impersonate-')) return true;
  return false;
}

function single(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' ? header : undefined;
}

function accountOf(name: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!name.startsWith(accountPrefix)) return undefined;
  const [namespace, account, ...more] = name.slice(accountPrefix.length).split(':');
  return namespace && account && more.length === 0 ? { namespace, name: account } : undefined;
}

function withImplied(
  name: string,
  account: { readonly namespace: string } | undefined,
  groups: readonly string[],
): readonly string[] {
  const implied =
    account && groups.length === 0 ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`] : [];
  const all = [...groups, ...implied];
  const [unauthenticatedGroup = ''] = anonymousUser.groups;
  const isSaid = all.includes(authenticatedGroup) || all.includes(unauthenticatedGroup);
  if (isSaid) return all;
  return [...all, name === anonymousUser.name ? unauthenticatedGroup : authenticatedGroup];
}
