/** Policies and webhooks whose expressions cannot be compiled are refused when they are written, and not when they are needed. */
import type { ApiResource } from '@slipway/api/resources';
import type { KubeObject, MutatingAdmissionPolicySpec, ValidatingAdmissionPolicySpec } from '@slipway/api/types';
import { type FieldError, invalid, invalidError, tooLong, tooMany } from '@slipway/api/validation/field-error';
import { sameJson } from '../../registry/same-json.ts';
import {
  compiledExpression,
  compiledVariables,
  type Context,
  type Expression,
  type Wanted,
} from '../expressions/expression.ts';
import type { AdmissionPlugin } from '../plugin.ts';
import { policyGroup } from '../policies/policy.ts';

interface Given {
  readonly path: string;
  readonly text: string | undefined;
  readonly wanted: Wanted;
  readonly context?: Context;
  /** Where it is compiled already. */
  readonly compiled?: Expression;
}

type Spec = Partial<ValidatingAdmissionPolicySpec & MutatingAdmissionPolicySpec>;

interface WithExpressions extends KubeObject {
  readonly spec?: Spec;
  readonly webhooks?: readonly { readonly matchConditions?: Spec['matchConditions'] }[];
}

export const admissionExpressions: AdmissionPlugin = {
  name: 'AdmissionExpressions',
  on: [{ operations: ['CREATE', 'UPDATE'], group: policyGroup, resources: ['*'] }],

  validate({ draft, old, request }) {
    if (!draft) return;
    const texts = textsOf(draft as WithExpressions);
    refuseTooMuch(texts, request.api, draft.metadata.name ?? '');
    const before = new Set(old ? textsOf(old as WithExpressions) : []);
    const given = expressionsOf(draft as WithExpressions).filter(({ text }) => text !== undefined && !before.has(text));
    const errors: FieldError[] = given.flatMap(({ path, text = '', wanted, context, compiled }) => {
      const { problem } = compiled ?? compiledExpression(text, wanted, context);
      return problem === undefined ? [] : [invalid(path, text, problem)];
    });
    if (errors.length === 0 || sameJson(draft, old)) return;
    throw invalidError(request.api.kind, request.api.group, draft.metadata.name ?? '', errors);
  },
};

/**
 * Compiling an expression takes some twenty microseconds, and one for each hundred characters, and everybody else waits for it. Upstream bounds
 * nothing but the size of the object.
 */
const expressionsMax = 1_000;
const charactersMax = 128 * 1024;

function refuseTooMuch(texts: readonly string[], { kind, group }: ApiResource, name: string): void {
  const characters = texts.reduce((sum, { length }) => sum + length, 0);
  const errors = [
    ...(texts.length > expressionsMax ? [tooMany('spec', texts.length, expressionsMax)] : []),
    ...(characters > charactersMax ? [tooLong('spec', charactersMax)] : []),
  ];
  if (errors.length > 0) throw invalidError(kind, group, name, errors);
}

function textsOf({ spec = {}, webhooks = [] }: WithExpressions): string[] {
  const texts = [
    ...[spec.matchConditions, ...webhooks.map(({ matchConditions }) => matchConditions), spec.variables].flatMap(
      (list) => (list ?? []).map(({ expression }) => expression),
    ),
    ...(spec.validations ?? []).flatMap(({ expression, messageExpression }) => [expression, messageExpression]),
    ...(spec.auditAnnotations ?? []).map(({ valueExpression }) => valueExpression),
    ...(spec.mutations ?? []).map(({ applyConfiguration, jsonPatch }) => (applyConfiguration ?? jsonPatch)?.expression),
  ];
  return texts.filter((text) => text !== undefined).filter((text) => text !== '');
}

function expressionsOf({ spec = {}, webhooks = [] }: WithExpressions): Given[] {
  const known: Context = { hasParams: spec.paramKind !== undefined };
  const { all, context } = compiledVariables(spec.variables ?? [], known);
  return [
    ...webhooks.flatMap(({ matchConditions }, i) => conditions(matchConditions, `webhooks[${i}].matchConditions`, {})),
    ...conditions(spec.matchConditions, 'spec.matchConditions', known),
    ...all.map(({ expression }, i): Given => {
      const path = `spec.variables[${i}].expression`;
      return { path, text: spec.variables?.[i]?.expression, wanted: 'any', compiled: expression };
    }),
    ...rules(spec, context),
  ];
}

function conditions(list: Spec['matchConditions'], path: string, context: Context): Given[] {
  return (list ?? []).map(({ expression }, i) => {
    return { path: `${path}[${i}].expression`, text: expression, wanted: 'bool', context };
  });
}

function rules(spec: Spec, context: Context): Given[] {
  return [
    ...(spec.validations ?? []).flatMap(({ expression, messageExpression }, i): Given[] => [
      { path: `spec.validations[${i}].expression`, text: expression, wanted: 'bool', context },
      {
        path: `spec.validations[${i}].messageExpression`,
        text: messageExpression || undefined,
        wanted: 'string',
        context,
      },
    ]),
    ...(spec.auditAnnotations ?? []).map(({ valueExpression }, i): Given => {
      const path = `spec.auditAnnotations[${i}].valueExpression`;
      return { path, text: valueExpression, wanted: 'stringOrNull', context };
    }),
    ...(spec.mutations ?? []).flatMap(({ applyConfiguration, jsonPatch }, i): Given[] => {
      const own: Context = { ...context, isMutation: true };
      const at = (field: string) => `spec.mutations[${i}].${field}.expression`;
      return [
        { path: at('applyConfiguration'), text: applyConfiguration?.expression, wanted: 'object', context: own },
        { path: at('jsonPatch'), text: jsonPatch?.expression, wanted: 'jsonPatch', context: own },
      ];
    }),
  ];
}
