/** Affinity terms and spread constraints of a pod, compiled. Source: core/v1 PodAffinityTerm, TopologySpreadConstraint. */
import type { LabelSelector, PodAffinityTerm, TopologySpreadConstraint } from '@slipway/api/types';
import type { LabelGroup } from './label-group.ts';
import { type LabelMatcher, type Labels, matcherOfLabelSelector } from './matchers.ts';

/** Which groups of pods are meant. Equal keys mean equal answers. */
export interface PodSelection {
  readonly key: string;
  /** The only namespaces in question; undefined where the labels of namespaces decide. */
  readonly namespaces: ReadonlySet<string> | undefined;
  readonly countsTerminating: boolean;
  matches(group: LabelGroup, namespaceLabels: NamespaceLabels): boolean;
}

export type NamespaceLabels = (namespace: string) => Labels;

export interface AffinityTerm extends PodSelection {
  readonly topologyKey: string;
}

/** Negative weights keep away. */
export interface WeightedTerm {
  readonly term: AffinityTerm;
  readonly weight: number;
}

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly isHard: boolean;
  readonly selection: PodSelection;
  /** Whether a pod of these labels counts itself. */
  readonly countsSelf: boolean;
  readonly honorsTaints: boolean;
  readonly honorsAffinity: boolean;
}

export function affinityTermFrom(term: PodAffinityTerm, namespace: string, labels: Labels): AffinityTerm {
  const selector = term.labelSelector
    ? withLabelKeys(
        withLabelKeys(term.labelSelector, 'In', term.matchLabelKeys, labels),
        'NotIn',
        term.mismatchLabelKeys,
        labels,
      )
    : undefined;
  const matchesLabels = matcherOfLabelSelector(selector);
  const named = new Set(term.namespaces ?? []);
  if (named.size === 0 && !term.namespaceSelector) named.add(namespace);
  const matchesNamespace = term.namespaceSelector ? matcherOfLabelSelector(term.namespaceSelector) : undefined;
  return {
    key: JSON.stringify(['affinity', [...named].sort(), term.namespaceSelector ?? null, selector ?? null]),
    topologyKey: term.topologyKey,
    namespaces: matchesNamespace ? undefined : named,
    countsTerminating: true,
    matches: (group, namespaceLabels) =>
      (named.has(group.namespace) || (matchesNamespace?.(namespaceLabels(group.namespace)) ?? false)) &&
      matchesLabels(group.labels),
  };
}

export function spreadConstraintFrom(
  constraint: TopologySpreadConstraint,
  namespace: string,
  labels: Labels,
): SpreadConstraint {
  const selector =
    constraint.labelSelector && withLabelKeys(constraint.labelSelector, 'In', constraint.matchLabelKeys, labels);
  const matches = matcherOfLabelSelector(selector);
  return {
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    isHard: constraint.whenUnsatisfiable !== 'ScheduleAnyway',
    selection: namespacedSelection(namespace, selector, matches),
    countsSelf: matches(labels),
    honorsTaints: constraint.nodeTaintsPolicy === 'Honor',
    honorsAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
  };
}

/** Pods of one namespace that are not on their way out. */
export function namespacedSelection(
  namespace: string,
  selector: LabelSelector | undefined,
  matches: LabelMatcher = matcherOfLabelSelector(selector),
): PodSelection {
  return {
    key: JSON.stringify(['spread', namespace, selector ?? null]),
    namespaces: new Set([namespace]),
    countsTerminating: false,
    matches: (group) => group.namespace === namespace && !group.isTerminating && matches(group.labels),
  };
}

/** The pod's own values of the keys become part of the selector; a key that the pod does not have says nothing. */
function withLabelKeys(
  selector: LabelSelector,
  operator: 'In' | 'NotIn',
  keys: readonly string[] | undefined,
  labels: Labels,
): LabelSelector {
  const extra = (keys ?? []).flatMap((key) => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
  return extra.length === 0
    ? selector
    : { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...extra] };
}
