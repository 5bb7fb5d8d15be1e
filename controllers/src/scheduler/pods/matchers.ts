/** Selectors compiled to predicates, so that a node or pod is matched without parsing. Semantics: Kubernetes API, LabelSelector and NodeSelectorTerm. */
import { compileNodeSelector, compileRequirement, type SelectableNode } from '@slipway/api/node-selector';
import type { LabelSelector, NodeSelectorTerm } from '@slipway/api/types';

export type Labels = Readonly<Record<string, string>>;
export type LabelMatcher = (labels: Labels) => boolean;

/** Equal keys mean equal answers, so what is known of one is known of the other. */
export interface NodeSelection {
  readonly key: string;
  readonly matches: (node: SelectableNode) => boolean;
}

/** A missing selector matches nothing, an empty one everything. */
export function matcherOfLabelSelector(selector: LabelSelector | undefined): LabelMatcher {
  if (!selector) return () => false;
  const equal = Object.entries(selector.matchLabels ?? {});
  const rest = (selector.matchExpressions ?? []).map((requirement) => ({
    key: requirement.key,
    check: compileRequirement(requirement),
  }));
  if (rest.length === 0 && equal.length === 1) {
    const [[key, value] = ['', '']] = equal;
    return (labels) => labels[key] === value;
  }
  return (labels) =>
    equal.every(([key, value]) => labels[key] === value) && rest.every(({ key, check }) => check(labels[key]));
}

export function selectionOfTerms(terms: readonly NodeSelectorTerm[]): NodeSelection {
  return { key: JSON.stringify(terms), matches: compileNodeSelector(terms) };
}

/** What `spec.nodeSelector` and required node affinity say together; undefined when that is nothing. */
export function selectionOfNodes(
  nodeSelector: Labels | undefined,
  terms: readonly NodeSelectorTerm[] | undefined,
): NodeSelection | undefined {
  const equal = Object.entries(nodeSelector ?? {});
  const affinity = terms ? compileNodeSelector(terms) : undefined;
  if (equal.length === 0 && !affinity) return undefined;
  return {
    key: JSON.stringify([nodeSelector ?? null, terms ?? null]),
    matches: (node) => equal.every(([key, value]) => node.labels[key] === value) && (affinity?.(node) ?? true),
  };
}
