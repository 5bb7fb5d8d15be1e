/**
 * Acting as somebody else (`kubectl --as`). Two ways to be allowed to, tried in this order:
 *
 *   constrained   `impersonate:MODE` on whom one wants to be, and `impersonate-on:MODE:VERB` on what is asked for, both of them;
 *                 the modes are those of upstream: associated-node, arbitrary-node, serviceaccount, user-info
 *   unbounded     `impersonate` on whom one wants to be: everything that they may
 */
import type { IncomingMessage } from 'node:http';
import { dnsSubdomainProblems } from '@slipway/api/names';
import { StatusError } from '@slipway/api/status-error';
import { anonymousUser, authenticatedGroup } from '../authn/authenticator.ts';
import type { AccessRequest, Authorizer } from '../authz/access-request.ts';
import { authorize } from '../authz/authorizer.ts';
import { badRequest } from '../registry/status-errors.ts';
import type { UserInfo } from '../registry/strategy.ts';

const extraPrefix = 'impersonate-extra-';
const accountPrefix = 'system:serviceaccount:';
const nodePrefix = 'system:node:';
const nodesGroup = 'system:nodes';
const authenticationGroup = 'authentication.k8s.io';

/** What the headers ask for. */
interface Wanted {
  readonly name: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly account: { readonly namespace: string; readonly name: string } | undefined;
  readonly node: string | undefined;
}

/** Verb on whom one wants to be, and what it must be good for. */
interface Mode {
  readonly name: 'associated-node' | 'arbitrary-node' | 'serviceaccount' | 'user-info';
  fits(wanted: Wanted, user: UserInfo): boolean;
}

const modes: readonly Mode[] = [
  { name: 'associated-node', fits: (wanted, user) => isNameOnly(wanted) && runsOn(user, wanted.node) },
  { name: 'arbitrary-node', fits: (wanted) => isNameOnly(wanted) && wanted.node !== undefined },
  { name: 'serviceaccount', fits: (wanted) => isNameOnly(wanted) && wanted.account !== undefined },
  { name: 'user-info', fits: ({ account, node }) => account === undefined && node === undefined },
];

/**
 * The user whom the request is for: its own, or the one it names. `accessOf` says what the request asks for, as asked by a user. Throws
 * StatusError Forbidden.
 */
export function impersonated(
  request: IncomingMessage,
  user: UserInfo,
  authorizer: Authorizer,
  accessOf: (user: UserInfo) => AccessRequest,
): UserInfo {
  if (!asksToImpersonate(request.headers)) return user;
  const wanted = wantedBy(request);
  const mode = modes.find((candidate) => mayIn(candidate, wanted, user, authorizer, accessOf));
  if (!mode) checkWanted(wanted, user, authorizer, { verb: 'impersonate', group: '' });
  return asUser(wanted, mode !== undefined);
}

/** Throws StatusError BadRequest. */
function wantedBy({ headers, headersDistinct }: IncomingMessage): Wanted {
  const name = single(headers['impersonate-user']);
  if (name === undefined) {
    throw badRequest('requested impersonation of groups or extra attributes without impersonating a user');
  }
  const extraNames = Object.keys(headers).filter((header) => header.startsWith(extraPrefix));
  return {
    name,
    uid: single(headers['impersonate-uid']),
    groups: headersDistinct['impersonate-group'] ?? [],
    extra: Object.fromEntries(
      extraNames.map((header) => [decodeURIComponent(header.slice(extraPrefix.length)), headersDistinct[header] ?? []]),
    ),
    account: accountOf(name),
    node: nodeOf(name),
  };
}

function mayIn(
  { name, fits }: Mode,
  wanted: Wanted,
  user: UserInfo,
  authorizer: Authorizer,
  accessOf: (user: UserInfo) => AccessRequest,
): boolean {
  if (!fits(wanted, user)) return false;
  const access = accessOf(user);
  if (!authorizer.decide({ ...access, verb: `impersonate-on:${name}:${access.verb}` }).allowed) return false;
  try {
    checkWanted(wanted, user, authorizer, { verb: `impersonate:${name}`, group: authenticationGroup });
    return true;
  } catch (error) {
    if (error instanceof StatusError) return false;
    throw error;
  }
}

/** `group` is the API group in which users, groups and service accounts are named. Throws StatusError Forbidden. */
function checkWanted(
  { name, uid, groups, extra, account, node }: Wanted,
  user: UserInfo,
  authorizer: Authorizer,
  way: { readonly verb: string; readonly group: string },
): void {
  const may = (resource: string, target: { name: string; namespace?: string; group?: string; subresource?: string }) =>
    authorize(authorizer, {
      kind: 'resource',
      user,
      verb: way.verb,
      version: 'v1',
      group: target.group ?? way.group,
      resource,
      subresource: target.subresource ?? '',
      namespace: target.namespace ?? '',
      name: target.name,
    });
  if (account) may('serviceaccounts', account);
  else if (node !== undefined && way.group === authenticationGroup) may('nodes', { name: node });
  else may('users', { name });
  if (uid !== undefined) may('uids', { name: uid, group: authenticationGroup });
  for (const group of groups) may('groups', { name: group });
  for (const [key, values] of Object.entries(extra)) {
    for (const value of values) may('userextras', { name: value, subresource: key, group: authenticationGroup });
  }
}

function asUser(wanted: Wanted, isConstrained: boolean): UserInfo {
  const { name, uid, extra } = wanted;
  return {
    name,
    groups: withImplied(wanted, isConstrained),
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function asksToImpersonate(headers: IncomingMessage['headers']): boolean {
  for (const header in headers) if (header.startsWith('impersonate-')) return true;
  return false;
}

function single(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' ? header : undefined;
}

function isNameOnly({ uid, groups, extra }: Wanted): boolean {
  return uid === undefined && groups.length === 0 && Object.keys(extra).length === 0;
}

/** Whether it is a pod's service account, and the pod runs on the node: its token says so. */
function runsOn({ name, extra }: UserInfo, node: string | undefined): boolean {
  const only = (key: string) => {
    const values = extra?.[`authentication.kubernetes.io/${key}`] ?? [];
    return values.length === 1 ? values[0] : undefined;
  };
  return node !== undefined && accountOf(name) !== undefined && !!only('pod-name') && only('node-name') === node;
}

function accountOf(name: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!name.startsWith(accountPrefix)) return undefined;
  const [namespace, account, ...more] = name.slice(accountPrefix.length).split(':');
  return namespace && account && more.length === 0 ? { namespace, name: account } : undefined;
}

function nodeOf(name: string): string | undefined {
  if (!name.startsWith(nodePrefix)) return undefined;
  const node = name.slice(nodePrefix.length);
  return dnsSubdomainProblems(node).length === 0 ? node : undefined;
}

/** Groups that follow from the name: a service account's always, a node's where the node was what one asked to be. */
function withImplied({ name, groups, account, node }: Wanted, isConstrained: boolean): readonly string[] {
  const implied: string[] = [];
  if (groups.length === 0 && account) {
    implied.push('system:serviceaccounts', `system:serviceaccounts:${account.namespace}`);
  } else if (groups.length === 0 && node !== undefined && isConstrained) implied.push(nodesGroup);
  const all = [...groups, ...implied];
  const [unauthenticatedGroup = ''] = anonymousUser.groups;
  const isSaid = all.includes(authenticatedGroup) || all.includes(unauthenticatedGroup);
  if (isSaid) return all;
  return [...all, name === anonymousUser.name ? unauthenticatedGroup : authenticatedGroup];
}
