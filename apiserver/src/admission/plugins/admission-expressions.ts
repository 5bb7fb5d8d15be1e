/** Policies and webhooks whose expressions cannot be compiled are refused when they are written, and not when they are needed. */
import type { KubeObject, MutatingAdmissionPolicySpec, ValidatingAdmissionPolicySpec } from '@slipway/api/types';
import { type FieldError, invalid, invalidError } from '@slipway/api/validation/field-error';
import { sameJson } from '../../registry/same-json.ts';
import { compiledExpression } from '../expressions/expression.ts';
import { withoutMessages } from '../expressions/message-literals.ts';
import type { AdmissionPlugin } from '../plugin.ts';
import { policyGroup } from '../policies/policy.ts';

interface Given {
  readonly path: string;
  readonly text: string | undefined;
  readonly wanted: Parameters<typeof compiledExpression>[1];
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
    const before = new Set(old ? expressionsOf(old as WithExpressions).map(({ text }) => text) : []);
    const given = expressionsOf(draft as WithExpressions).filter(({ text }) => text !== undefined && !before.has(text));
    const errors: FieldError[] = given.flatMap(({ path, text = '', wanted }) => {
      const { problem } = compiledExpression(withoutMessages(text), wanted);
      return problem === undefined ? [] : [invalid(path, text, problem)];
    });
    if (errors.length === 0 || sameJson(draft, old)) return;
    throw invalidError(request.api.kind, request.api.group, draft.metadata.name ?? '', errors);
  },
};

function expressionsOf({ spec = {}, webhooks = [] }: WithExpressions): Given[] {
  const bools = (list: Spec['matchConditions'], path: string): Given[] =>
    (list ?? []).map(({ expression }, i) => ({ path: `${path}[${i}].expression`, text: expression, wanted: 'bool' }));
  return [
    ...webhooks.flatMap(({ matchConditions }, i) => bools(matchConditions, `webhooks[${i}].matchConditions`)),
    ...bools(spec.matchConditions, 'spec.matchConditions'),
    ...(spec.variables ?? []).map(
      ({ expression }, i): Given => ({ path: `spec.variables[${i}].expression`, text: expression, wanted: 'any' }),
    ),
    ...(spec.validations ?? []).flatMap(({ expression, messageExpression }, i): Given[] => [
      { path: `spec.validations[${i}].expression`, text: expression, wanted: 'bool' },
      { path: `spec.validations[${i}].messageExpression`, text: messageExpression || undefined, wanted: 'string' },
    ]),
    ...(spec.auditAnnotations ?? []).map(
      ({ valueExpression }, i): Given => ({
        path: `spec.auditAnnotations[${i}].valueExpression`,
        text: valueExpression,
        wanted: 'any',
      }),
    ),
    ...(spec.mutations ?? []).flatMap(({ applyConfiguration, jsonPatch }, i): Given[] => [
      {
        path: `spec.mutations[${i}].applyConfiguration.expression`,
        text: applyConfiguration?.expression,
        wanted: 'any',
      },
      { path: `spec.mutations[${i}].jsonPatch.expression`, text: jsonPatch?.expression, wanted: 'any' },
    ]),
  ];
}
