/** MutatingAdmissionPolicies: changes to what is written, in CEL, put into force by bindings. */
import { mergeObjects } from '@slipway/api/apply/merge-objects';
import { applyJsonPatch } from '@slipway/api/patch/json-patch';
import { isJsonObject } from '@slipway/api/patch/json-value';
import { PatchError } from '@slipway/api/patch/patch-error';
import { isStatus, StatusError } from '@slipway/api/status-error';
import type { KubeObject, MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '@slipway/api/types';
import { CelError } from '@slipway/cel/values';
import { messageOf } from '@slipway/kit/errors';
import type { PolicyOutcome } from '../../metrics/admission-metrics.ts';
import type { ServedResource } from '../../registry/kinds.ts';
import { forbidden } from '../../registry/status-errors.ts';
import { compiledExpression, evaluationProblem, type Expression, newMeter } from '../expressions/expression.ts';
import { toJson } from '../expressions/to-json.ts';
import { writeValues } from '../expressions/write-values.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionWrite } from '../plugin.ts';
import { measuredConditions } from '../policies/measured-conditions.ts';
import { paramsFor, PolicyConfigurationError } from '../policies/params.ts';
import { type BoundPolicy, boundPolicies, policyGroup, variablesValue } from '../policies/policy.ts';
import { draftIn, replaceDraft } from '../replace-draft.ts';

interface Mutation {
  readonly expression: Expression;
  readonly isPatch: boolean;
}

const policies = boundPolicies<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, readonly Mutation[]>(
  { policies: 'mutatingadmissionpolicies', bindings: 'mutatingadmissionpolicybindings' },
  ({ spec }, context) =>
    (spec.mutations ?? []).map(({ patchType, applyConfiguration, jsonPatch }) => {
      const isPatch = patchType === 'JSONPatch';
      const text = (isPatch ? jsonPatch : applyConfiguration)?.expression ?? '';
      const wanted = isPatch ? 'jsonPatch' : 'object';
      return { expression: compiledExpression(text, wanted, { ...context, isMutation: true }), isPatch };
    }),
);

type Bound = BoundPolicy<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, readonly Mutation[]>;

export const mutatingAdmissionPolicies: AdmissionPlugin = {
  name: 'MutatingAdmissionPolicy',
  asksOthers: true,
  on: [{ operations: ['CREATE', 'UPDATE'], group: '*', resources: ['*/*'] }],

  mutate(write, deps) {
    const all = policies.of(deps.objects);
    if (all.length === 0 || !write.draft || write.request.api.group === policyGroup) return;
    for (const bound of all) {
      const isAgain = bound.policy.policy.spec.reinvocationPolicy === 'IfNeeded';
      if (!write.isRerun || isAgain) mutateBy(bound, write, write.draft, deps);
    }
  },
};

function mutateBy({ policy, bindings }: Bound, write: AdmissionWrite, draft: KubeObject, deps: AdmissionDeps): void {
  const served = policy.matcher.match(write, deps);
  if (!served) return;
  for (const { binding, matcher } of bindings) {
    if (matcher && !matcher.match(write, deps)) continue;
    const beganMs = deps.clock.monotonicMs();
    const count = (action: PolicyOutcome['action'], error: PolicyOutcome['error']) =>
      deps.metrics.policy({
        kind: 'mutating',
        policy: policy.policy.metadata.name ?? '',
        binding: binding.metadata.name ?? '',
        action,
        error,
        seconds: (deps.clock.monotonicMs() - beganMs) / 1000,
      });
    try {
      const { paramKind } = policy.policy.spec;
      for (const params of paramsFor(paramKind, binding.spec.paramRef, write.request, deps)) {
        if (mutateOnce(policy, params, { write, draft, served }, deps)) write.wantsRerun = true;
      }
      count('allow', 'no_error');
    } catch (error) {
      if (!isPolicyProblem(error)) throw error;
      count(policy.policy.spec.failurePolicy === 'Ignore' ? 'allow' : 'deny', 'invalid_error');
      if (policy.policy.spec.failurePolicy === 'Ignore') continue;
      throw refusal(write, policy.policy, binding, messageOf(error));
    }
  }
}

interface Target {
  readonly write: AdmissionWrite;
  readonly draft: KubeObject;
  readonly served: ServedResource;
}

/** Whether it changed anything. Each mutation sees what the one before made. */
function mutateOnce(
  policy: Bound['policy'],
  params: KubeObject | null,
  { write, draft, served }: Target,
  deps: AdmissionDeps,
): boolean {
  let isChanged = false;
  const { subject } = write.request;
  const known = { ...writeValues(write, served, deps), params };
  const { holds, problem } = measuredConditions(policy, 'admit', known, write, deps);
  if (problem !== undefined) throw new CelError(problem);
  if (!holds) return false;
  for (const mutation of policy.rules) {
    const values: Record<string, unknown> = { ...writeValues(write, served, deps), params };
    const meter = newMeter();
    values.variables = variablesValue(policy.variables, values, meter);
    if (
      replaceDraft(
        draft,
        mutated(mutation, draftIn(draft, served, subject), values, meter, subject ?? served),
        served,
        subject,
      )
    )
      isChanged = true;
  }
  return isChanged;
}

function mutated(
  { expression, isPatch }: Mutation,
  before: ReturnType<typeof draftIn>,
  values: Readonly<Record<string, unknown>>,
  meter: ReturnType<typeof newMeter>,
  { schema }: { readonly schema: ServedResource['schema'] | undefined },
): unknown {
  try {
    const value = toJson(expression.evaluate(values, meter));
    if (isPatch) return applyJsonPatch(before, value);
    if (!isJsonObject(value) || !schema) throw new CelError('must evaluate to Object');
    return mergeObjects(before, value, schema);
  } catch (error) {
    if (error instanceof CelError) throw new CelError(evaluationProblem(expression, error));
    throw error;
  }
}

/** What an expression can bring about; anything else is a mistake of our own. */
function isPolicyProblem(error: unknown): boolean {
  return (
    error instanceof CelError ||
    error instanceof PatchError ||
    error instanceof PolicyConfigurationError ||
    isStatus(error, 'BadRequest')
  );
}

function refusal(
  { request, draft }: AdmissionWrite,
  policy: MutatingAdmissionPolicy,
  binding: MutatingAdmissionPolicyBinding,
  problem: string,
): StatusError {
  const names = `MutatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  const text = `${names} denied request: ${problem}`;
  const { message, details } = forbidden(request.api, request.name ?? draft?.metadata.name ?? '', text);
  return new StatusError('Invalid', message, { details: { ...details, causes: [{ message: text }] } });
}
