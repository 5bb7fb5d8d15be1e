/** Whether a rule of a role covers a request. Pure; upstream's semantics. */
import type { PolicyRule } from '@slipway/api/types';
import type { AccessRequest, PathAccess, ResourceAccess } from './access-request.ts';
import { brokenDown, HeldRights, type Right, rightsCount } from './rights.ts';

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

/** Rights that are looked at one by one for the check below; nobody means to hand out so many of them singly. */
export const rightsMax = 100_000;

/**
 * What the wanted rules allow beyond the owned ones, as few rules as it takes: the check against handing out more than one has.
 * 'too many' when the wanted rules, without those that a single owned rule covers, stand for more than `rightsMax` rights.
 */
export function rightsNotHeld(
  owned: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] | 'too many' {
  let rest = wanted;
  if (totalRights(wanted) > rightsMax) {
    const held = owned.map(heldRule);
    rest = wanted.filter((rule) => !held.some((own) => coversRule(own, rule)));
    if (totalRights(rest) > rightsMax) return 'too many';
  }
  const rights = new HeldRights(owned, coversRight);
  const missing = rest.flatMap(brokenDown).filter((right) => !rights.has(right));
  return compacted(missing).map(({ verbs, group, resource, url, name }) =>
    url !== undefined
      ? { nonResourceURLs: [url], verbs }
      : { apiGroups: [group], resources: [resource], ...(name === undefined ? {} : { resourceNames: [name] }), verbs },
  );
}

function totalRights(rules: readonly PolicyRule[]): number {
  return rules.reduce((total, rule) => total + rightsCount(rule), 0);
}

interface HeldRule {
  readonly verbs: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
  readonly resources: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
  readonly urls: ReadonlySet<string>;
}

function heldRule({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): HeldRule {
  return {
    verbs: new Set(verbs),
    groups: new Set(apiGroups),
    resources: new Set(resources),
    names: new Set(resourceNames),
    urls: new Set(nonResourceURLs),
  };
}

/** Whether all that the wanted rule stands for is held by the one rule: a comparison of lists, without their product. */
function coversRule({ verbs, groups, resources, names, urls }: HeldRule, wanted: PolicyRule): boolean {
  const everyIn = (list: readonly string[] | undefined, set: ReadonlySet<string>) =>
    set.has('*') || (list ?? []).every((item) => set.has(item));
  if (!everyIn(wanted.verbs, verbs) || !everyIn(wanted.nonResourceURLs, urls)) return false;
  if (!wanted.apiGroups?.length || !wanted.resources?.length) return true;
  const coversNames =
    names.size === 0 || (!!wanted.resourceNames?.length && wanted.resourceNames.every((name) => names.has(name)));
  return coversNames && everyIn(wanted.apiGroups, groups) && everyIn(wanted.resources, resources);
}

function compacted(rights: readonly Right[]): readonly (Right & { readonly verbs: string[] })[] {
  const byThing = new Map<string, { readonly right: Right; readonly verbs: Set<string> }>();
  for (const right of rights) {
    const thing = JSON.stringify([right.group, right.resource, right.name ?? null, right.url ?? null]);
    const known = byThing.get(thing);
    if (known) known.verbs.add(right.verb);
    else byThing.set(thing, { right, verbs: new Set([right.verb]) });
  }
  return [...byThing.values()].map(({ right, verbs }) => ({ ...right, verbs: [...verbs] }));
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
