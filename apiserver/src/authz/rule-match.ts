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
  return (rule.nonResourceURLs ?? []).some((url) => coversUrl(url, request.path));
}

function hasOrAll(list: readonly string[] | undefined, wanted: string): boolean {
  return list !== undefined && (list.includes(wanted) || list.includes('*'));
}

/** Whether somebody who holds `owned` may do everything that `wanted` allows. */
export function rulesCover(owned: readonly PolicyRule[], wanted: PolicyRule): boolean {
  return brokenDown(wanted).every((right) => owned.some((rule) => coversRight(rule, right)));
}

/** What the wanted rules allow beyond the owned ones, as few rules as it takes: the check against handing out more than one has. */
export function rightsNotHeld(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  const missing = wanted.flatMap(brokenDown).filter((right) => !owned.some((rule) => coversRight(rule, right)));
  return compacted(missing).map(({ verbs, group, resource, url, name }) =>
    url !== undefined
      ? { nonResourceURLs: [url], verbs }
      : { apiGroups: [group], resources: [resource], ...(name === undefined ? {} : { resourceNames: [name] }), verbs },
  );
}

/** One verb on one thing. */
interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name: string | undefined;
  readonly url: string | undefined;
}

function brokenDown({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): Right[] {
  const names = resourceNames?.length ? resourceNames : [undefined];
  const ofResources = (apiGroups ?? []).flatMap((group) =>
    (resources ?? []).flatMap((resource) =>
      verbs.flatMap((verb) => names.map((name) => ({ verb, group, resource, name, url: undefined }))),
    ),
  );
  const ofPaths = (nonResourceURLs ?? []).flatMap((url) =>
    verbs.map((verb) => ({ verb, group: '', resource: '', name: undefined, url })),
  );
  return [...ofResources, ...ofPaths];
}

function compacted(rights: readonly Right[]): readonly (Right & { readonly verbs: string[] })[] {
  const byThing = new Map<string, Right & { readonly verbs: string[] }>();
  for (const right of rights) {
    const thing = JSON.stringify([right.group, right.resource, right.name ?? null, right.url ?? null]);
    const known = byThing.get(thing);
    if (!known) byThing.set(thing, { ...right, verbs: [right.verb] });
    else if (!known.verbs.includes(right.verb)) known.verbs.push(right.verb);
  }
  return [...byThing.values()];
}

function coversRight(rule: PolicyRule, { verb, group, resource: path, name, url }: Right): boolean {
  if (!hasOrAll(rule.verbs, verb)) return false;
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((owned) => coversUrl(owned, url));
  if (!hasOrAll(rule.apiGroups, group)) return false;
  const slash = path.indexOf('/');
  const [resource, subresource] = slash === -1 ? [path, ''] : [path.slice(0, slash), path.slice(slash + 1)];
  if (!coversResource(rule.resources, resource, subresource)) return false;
  return !rule.resourceNames?.length || (name !== undefined && rule.resourceNames.includes(name));
}

function coversUrl(owned: string, url: string): boolean {
  return owned === '*' || owned === url || (owned.endsWith('*') && url.startsWith(owned.slice(0, -1)));
}
