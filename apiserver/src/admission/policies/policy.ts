/** Policies with their bindings, ready to be evaluated: compiled once per change. */
import type {
  KubeObject,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '@slipway/api/types';
import { CelError } from '@slipway/cel/values';
import type { CostMeter } from '@slipway/cel/cost-meter';
import type { ObjectStore } from '../../storage/object-store.ts';
import { Derived } from '../derived.ts';
import {
  type Conditions,
  compiledConditions,
  compiledVariables,
  type Context,
  type NamedExpression,
} from '../expressions/expression.ts';
import { type Matcher, matcherFor } from '../webhooks/matching.ts';

export const policyGroup = 'admissionregistration.k8s.io';

type AnyPolicy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;
type AnyBinding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

export interface CompiledPolicy<P extends AnyPolicy, Rules> {
  readonly policy: P;
  readonly matcher: Matcher;
  readonly conditions: Conditions;
  readonly variables: readonly NamedExpression[];
  readonly rules: Rules;
}

export interface CompiledBinding<B extends AnyBinding> {
  readonly binding: B;
  readonly matcher: Matcher | undefined;
}

export interface BoundPolicy<P extends AnyPolicy, B extends AnyBinding, Rules> {
  readonly policy: CompiledPolicy<P, Rules>;
  readonly bindings: readonly CompiledBinding<B>[];
}

/** All policies that are in force, by name. */
export function boundPolicies<P extends AnyPolicy, B extends AnyBinding, Rules>(
  names: { readonly policies: string; readonly bindings: string },
  compileRules: (policy: P, context: Context) => Rules,
): { of(objects: ObjectStore): readonly BoundPolicy<P, B, Rules>[] } {
  const policies = new Derived<ReadonlyMap<string, CompiledPolicy<P, Rules>>>(
    { group: policyGroup, resource: names.policies },
    (objects) => new Map(Array.from(objects, (object) => [nameOf(object), compiled(object as P, compileRules)])),
  );
  const bindings = new Derived<ReadonlyMap<string, readonly CompiledBinding<B>[]>>(
    { group: policyGroup, resource: names.bindings },
    (objects) => {
      const sorted = [...objects].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) as unknown as B[];
      return Map.groupBy(sorted.map(compiledBinding), ({ binding }) => binding.spec.policyName ?? '');
    },
  );
  /** Put together once per change of either. */
  const joined = new WeakMap<object, { readonly with: object; readonly all: readonly BoundPolicy<P, B, Rules>[] }>();
  return {
    of(objects) {
      const [byName, bound] = [policies.of(objects), bindings.of(objects)];
      const known = joined.get(byName);
      if (known?.with === bound) return known.all;
      const all = [...byName]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([name, policy]) => {
          const own = bound.get(name);
          return own ? [{ policy, bindings: own }] : [];
        });
      joined.set(byName, { with: bound, all });
      return all;
    },
  };
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? '';
}

function compiled<P extends AnyPolicy, Rules>(
  policy: P,
  compileRules: (policy: P, context: Context) => Rules,
): CompiledPolicy<P, Rules> {
  const { matchConstraints, matchConditions, paramKind, variables = [] } = policy.spec;
  const known: Context = { hasParams: paramKind !== undefined };
  const { all, context } = compiledVariables(variables, known);
  return {
    policy,
    matcher: matcherFor(matchSpecOf(matchConstraints)),
    conditions: compiledConditions(matchConditions, known),
    variables: all,
    rules: compileRules(policy, context),
  };
}

function compiledBinding<B extends AnyBinding>(binding: B): CompiledBinding<B> {
  const { matchResources } = binding.spec;
  return { binding, matcher: matchResources && matcherFor(matchSpecOf(matchResources)) };
}

const anything = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }];

/** A binding that names no rules narrows by its selectors alone. */
function matchSpecOf(match: MatchResources | undefined) {
  const { resourceRules, excludeResourceRules, ...rest } = match ?? {};
  return { ...rest, rules: resourceRules?.length ? resourceRules : anything, excluded: excludeResourceRules };
}

/** `variables.x`, each worked out when it is first asked for, and once. */
export function variablesValue(
  variables: CompiledPolicy<AnyPolicy, unknown>['variables'],
  values: Record<string, unknown>,
  meter: CostMeter,
): object {
  const known = {};
  for (const { name, expression } of variables) {
    let kept: { readonly value: unknown } | undefined;
    let isRunning = false;
    Object.defineProperty(known, name, {
      enumerable: true,
      get() {
        if (kept) return kept.value;
        if (isRunning) throw new CelError(`variable ${name} refers to itself`);
        isRunning = true;
        try {
          kept = { value: expression.evaluate(values, meter) };
          return kept.value;
        } finally {
          isRunning = false;
        }
      },
    });
  }
  return known;
}
