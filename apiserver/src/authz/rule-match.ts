/** Whether a rule of a role covers a request. Pure; upstream's semantics. */
import type { PolicyRule } from '@slipway/api/types';
import type { AccessRequest, PathAccess, ResourceAccess } from './access-request.ts';

export function ruleAllows(rule: PolicyRule, request: AccessRequest): boolean {
  return request.kind === 'resource' ? allowsResource(rule, request) : allowsPath(rule, request);
}

function allowsResource(rule: PolicyRule, request: ResourceAccess): boolean {
  return (
    hasOrAll(rule.verbs, request.verb) &&
    hasOrAll(rule.apiGroups, request.group) &&
    coversResource(rule.resources, request.resource, request.subresource) &&
    (!rule.resourceNames?.length || rule.resourceNames.includes(request.name))
  );
}

/** `*` is every resource with every subresource, `pods/*` does not exist, and a subresource of all resources is written with a star before the slash. */
function coversResource(resources: readonly string[] | undefined, resource: string, subresource: string): boolean {
  if (!resources) return false;
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some(
    (rule) => rule === '*' || rule === wanted || (subresource !== '' && rule === `*/${subresource}`),
  );
}

function allowsPath(rule: PolicyRule, request: PathAccess): boolean {
  if (!hasOrAll(rule.verbs, request.verb)) return false;
  return (rule.nonResourceURLs ?? []).some(
    (url) => url === '*' || url === request.path || (url.endsWith('*') && request.path.startsWith(url.slice(0, -1))),
  );
}

function hasOrAll(list: readonly string[] | undefined, wanted: string): boolean {
  return list !== undefined && (list.includes(wanted) || list.includes('*'));
}

/** Whether somebody who holds `owned` may do everything that `wanted` allows: the check against handing out more than one has. */
export function rulesCover(owned: readonly PolicyRule[], wanted: PolicyRule): boolean {
  for (const verb of wanted.verbs) {
    for (const url of wanted.nonResourceURLs ?? []) {
      if (!owned.some((rule) => coversUrl(rule, verb, url))) return false;
    }
    for (const group of wanted.apiGroups ?? []) {
      for (const resource of wanted.resources ?? []) {
        const names = wanted.resourceNames?.length ? wanted.resourceNames : [undefined];
        for (const name of names) {
          if (!owned.some((rule) => coversGrant(rule, { verb, group, resource, name }))) return false;
        }
      }
    }
  }
  return true;
}

function coversUrl(rule: PolicyRule, verb: string, url: string): boolean {
  if (!hasOrAll(rule.verbs, verb)) return false;
  return (rule.nonResourceURLs ?? []).some(
    (owned) => owned === '*' || owned === url || (owned.endsWith('*') && url.startsWith(owned.slice(0, -1))),
  );
}

function coversGrant(
  rule: PolicyRule,
  grant: {
    readonly verb: string;
    readonly group: string;
    readonly resource: string;
    readonly name: string | undefined;
  },
): boolean {
  if (!hasOrAll(rule.verbs, grant.verb) || !hasOrAll(rule.apiGroups, grant.group)) return false;
  const [resource = '', subresource = ''] = grant.resource.split('/', 2);
  if (
    grant.resource !== '*' ? !coversResource(rule.resources, resource, subresource) : !rule.resources?.includes('*')
  ) {
    return false;
  }
  if (!rule.resourceNames?.length) return true;
  return grant.name !== undefined && rule.resourceNames.includes(grant.name);
}
