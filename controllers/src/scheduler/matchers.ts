/** Selectors compiled to predicates, so that a node or pod is matched without parsing. Semantics: Kubernetes API, LabelSelector and NodeSelectorTerm. */
import type { LabelSelector, Node, NodeSelectorTerm } from '@slipway/api/types';

export type Labels = Readonly<Record<string, string>>;
export type LabelMatcher = (labels: Labels) => boolean;
export type NodeMatcher = (node: Node) => boolean;

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

function compileRequirement(requirement: Requirement): (value: string | undefined) => boolean {
  const values = new Set(requirement.values ?? []);
  switch (requirement.operator) {
    case 'In':
      return (value) => value !== undefined && values.has(value);
    case 'NotIn':
      return (value) => value === undefined || !values.has(value);
    case 'Exists':
      return (value) => value !== undefined;
    case 'DoesNotExist':
      return (value) => value === undefined;
    case 'Gt':
    case 'Lt': {
      const bound = Number(requirement.values?.[0]);
      const sign = requirement.operator === 'Gt' ? 1 : -1;
      return (value) => value !== undefined && /^-?\d+$/.test(value) && (Number(value) - bound) * sign > 0;
    }
    default:
      return () => false; // the API server refuses other operators
  }
}

/** A missing selector matches nothing, an empty one everything. */
export function matcherOfLabelSelector(selector: LabelSelector | undefined): LabelMatcher {
  if (!selector) return () => false;
  const equal = Object.entries(selector.matchLabels ?? {});
  const rest = (selector.matchExpressions ?? []).map((requirement) => ({
    key: requirement.key,
    check: compileRequirement(requirement),
  }));
  return (labels) =>
    equal.every(([key, value]) => labels[key] === value) && rest.every(({ key, check }) => check(labels[key]));
}

/** True when one of the terms matches; a term without expressions matches nothing. */
export function compileTerms(terms: readonly NodeSelectorTerm[]): NodeMatcher {
  const compiled = terms.map((term) => {
    const labels = (term.matchExpressions ?? []).map((requirement) => ({
      key: requirement.key,
      check: compileRequirement(requirement),
    }));
    const fields = (term.matchFields ?? []).map((requirement) => compileRequirement(requirement));
    const isEmpty = labels.length + fields.length === 0;
    return (node: Node) =>
      !isEmpty &&
      labels.every(({ key, check }) => check(node.metadata.labels?.[key])) &&
      fields.every((check) => check(node.metadata.name));
  });
  return (node) => compiled.some((matches) => matches(node));
}

export function compileNodeSelector(
  nodeSelector: Labels | undefined,
  terms: readonly NodeSelectorTerm[] | undefined,
): NodeMatcher | undefined {
  const equal = Object.entries(nodeSelector ?? {});
  const affinity = terms ? compileTerms(terms) : undefined;
  if (equal.length === 0 && !affinity) return undefined;
  return (node) => equal.every(([key, value]) => node.metadata.labels?.[key] === value) && (affinity?.(node) ?? true);
}
