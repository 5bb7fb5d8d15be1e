/** Selectors compiled to predicates, so that a node or pod is matched without parsing. Semantics: Kubernetes API, LabelSelector and NodeSelectorTerm. */
import type { LabelSelector, NodeSelectorTerm } from '@slipway/api/types';

export type Labels = Readonly<Record<string, string>>;
export type LabelMatcher = (labels: Labels) => boolean;

/** What a node selector can see of a node. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Labels;
}

/** Equal keys mean equal answers, so what is known of one is known of the other. */
export interface NodeSelection {
  readonly key: string;
  readonly matches: (node: NodeFacts) => boolean;
}

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

const integer = /^[+-]?\d{1,19}$/;

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
      const bound = requirement.values?.[0] ?? '';
      if (!integer.test(bound)) return () => false;
      const isGreater = requirement.operator === 'Gt';
      return (value) =>
        value !== undefined &&
        integer.test(value) &&
        (isGreater ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound));
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
  if (rest.length === 0 && equal.length === 1) {
    const [[key, value] = ['', '']] = equal;
    return (labels) => labels[key] === value;
  }
  return (labels) =>
    equal.every(([key, value]) => labels[key] === value) && rest.every(({ key, check }) => check(labels[key]));
}

/** True when one of the terms matches; a term without expressions matches nothing. */
function compileTerms(terms: readonly NodeSelectorTerm[]): (node: NodeFacts) => boolean {
  const compiled = terms.map((term) => {
    const labels = (term.matchExpressions ?? []).map((requirement) => ({
      key: requirement.key,
      check: compileRequirement(requirement),
    }));
    const fields = (term.matchFields ?? []).map((requirement) => compileRequirement(requirement));
    const isEmpty = labels.length + fields.length === 0;
    return (node: NodeFacts) =>
      !isEmpty &&
      labels.every(({ key, check }) => check(node.labels[key])) &&
      fields.every((check) => check(node.name));
  });
  return (node) => compiled.some((matches) => matches(node));
}

export function selectionOfTerms(terms: readonly NodeSelectorTerm[]): NodeSelection {
  return { key: JSON.stringify(terms), matches: compileTerms(terms) };
}

/** What `spec.nodeSelector` and required node affinity say together; undefined when that is nothing. */
export function selectionOfNodes(
  nodeSelector: Labels | undefined,
  terms: readonly NodeSelectorTerm[] | undefined,
): NodeSelection | undefined {
  const equal = Object.entries(nodeSelector ?? {});
  const affinity = terms ? compileTerms(terms) : undefined;
  if (equal.length === 0 && !affinity) return undefined;
  return {
    key: JSON.stringify([nodeSelector ?? null, terms ?? null]),
    matches: (node) => equal.every(([key, value]) => node.labels[key] === value) && (affinity?.(node) ?? true),
  };
}
