/** Selectors compiled to predicates, so that a node is matched without parsing. Semantics: Kubernetes API, NodeSelectorTerm. */
import type { NodeSelectorTerm } from './types.ts';

/** What a node selector can see of a node. */
export interface SelectableNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface SelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}

const integer = /^[+-]?\d{1,19}$/;

/** Of labels and of nodes alike. `undefined`: there is no such label. */
export function compileRequirement(requirement: SelectorRequirement): (value: string | undefined) => boolean {
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

/** True when one of the terms matches; a term without expressions matches nothing. */
export function compileNodeSelector(terms: readonly NodeSelectorTerm[]): (node: SelectableNode) => boolean {
  const compiled = terms.map((term) => {
    const labels = (term.matchExpressions ?? []).map((requirement) => ({
      key: requirement.key,
      check: compileRequirement(requirement),
    }));
    const fields = (term.matchFields ?? []).map((requirement) => compileRequirement(requirement));
    const isEmpty = labels.length + fields.length === 0;
    return (node: SelectableNode) =>
      !isEmpty &&
      labels.every(({ key, check }) => check(node.labels[key])) &&
      fields.every((check) => check(node.name));
  });
  return (node) => compiled.some((matches) => matches(node));
}
