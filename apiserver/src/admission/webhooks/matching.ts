/** Which writes a webhook or a policy asks for: rules and selectors. Shared, because both say it in the same words. */
import { matcherOf } from '@slipway/api/selector';
import type { LabelSelector, NamedRuleWithOperations, RuleWithOperations } from '@slipway/api/types';
import type { ServedResource } from '../../registry/kinds.ts';
import type { AdmissionDeps, AdmissionWrite } from '../plugin.ts';

export interface MatchSpec {
  readonly rules?: readonly (RuleWithOperations | NamedRuleWithOperations)[] | undefined;
  readonly excluded?: readonly NamedRuleWithOperations[] | undefined;
  /** `Equivalent`: also when the request came by another version of the same resource. */
  readonly matchPolicy?: string | undefined;
  readonly namespaceSelector?: LabelSelector | undefined;
  readonly objectSelector?: LabelSelector | undefined;
}

export interface Matcher {
  /** The version in which whoever matches wants to see the object; undefined when he does not ask for the write. */
  match(write: AdmissionWrite, deps: AdmissionDeps): ServedResource | undefined;
}

export function matcherFor(spec: MatchSpec): Matcher {
  const { rules = [], excluded = [], matchPolicy = 'Equivalent' } = spec;
  const namespaces = isEverything(spec.namespaceSelector) ? undefined : matcherOf(spec.namespaceSelector);
  const labels = isEverything(spec.objectSelector) ? undefined : matcherOf(spec.objectSelector);
  return {
    match(write, deps) {
      const { served } = write.request;
      const others = () => (matchPolicy === 'Exact' ? [] : deps.equivalents(served));
      const isNamed = (list: typeof rules, each: ServedResource) => list.some((rule) => isAsked(rule, write, each));
      const found = isNamed(rules, served) ? served : others().find((each) => isNamed(rules, each));
      if (!found) return undefined;
      if (excluded.length > 0 && [served, ...others()].some((each) => isNamed(excluded, each))) return undefined;
      if (namespaces && !namespaces.matches(namespaceLabels(write, deps))) {
        if (write.request.api.namespaced || isNamespace(write)) return undefined;
      }
      if (labels && ![write.draft, write.old].some((each) => each && labels.matches(each.metadata.labels))) {
        return undefined;
      }
      return found;
    },
  };
}

function isEverything(selector: LabelSelector | undefined): boolean {
  return !selector || (!selector.matchExpressions?.length && Object.keys(selector.matchLabels ?? {}).length === 0);
}

function isAsked(rule: RuleWithOperations | NamedRuleWithOperations, write: AdmissionWrite, { api }: ServedResource) {
  const { operation, subresource, name } = write.request;
  const has = (list: readonly string[] | undefined, value: string) =>
    list?.some((each) => each === '*' || each === value) ?? false;
  if (!has(rule.operations, operation) || !has(rule.apiGroups, api.group) || !has(rule.apiVersions, api.version)) {
    return false;
  }
  if (rule.scope === 'Cluster' && api.namespaced) return false;
  if (rule.scope === 'Namespaced' && !api.namespaced) return false;
  const names = 'resourceNames' in rule ? rule.resourceNames : undefined;
  if (names?.length && !names.includes(name ?? write.draft?.metadata.name ?? '')) return false;
  return rule.resources?.some((each) => namesResource(each, api.resource, subresource)) ?? false;
}

/** `pods`, `pods/status`, `pods/*`, `*` + `/scale`; `*` is every resource and no subresource, `*` + `/*` is everything. */
function namesResource(wanted: string, resource: string, subresource: string | undefined): boolean {
  const [name = '', part] = wanted.split('/', 2);
  if (wanted === '*/*') return true;
  if (name !== '*' && name !== resource) return false;
  return part === '*' ? subresource !== undefined : part === subresource;
}

function isNamespace({ request }: AdmissionWrite): boolean {
  return request.api.group === '' && request.api.resource === 'namespaces';
}

function namespaceLabels(write: AdmissionWrite, { read }: AdmissionDeps) {
  // A namespace lies in itself: what it is going to be counts, except when it goes.
  if (isNamespace(write)) return (write.draft ?? write.old)?.metadata.labels;
  return read('namespaces', '', undefined, write.request.namespace ?? '')?.metadata.labels;
}
