/** ValidatingAdmissionPolicies: rules in CEL that say what may be written, put into force by bindings. */
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '@slipway/api/types';
import { StatusError, type StatusReason } from '@slipway/api/status-error';
import { CelError } from '@slipway/cel/values';
import { forbidden } from '../../registry/status-errors.ts';
import {
  compiledExpression,
  conditionsHold,
  evaluationProblem,
  type Expression,
  newMeter,
} from '../expressions/expression.ts';
import { writeValues } from '../expressions/write-values.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionWrite } from '../plugin.ts';
import { paramsFor, PolicyConfigurationError } from '../policies/params.ts';
import { type BoundPolicy, boundPolicies, policyGroup, variablesValue } from '../policies/policy.ts';

interface Rule {
  readonly expression: Expression;
  readonly message: string | undefined;
  readonly messageExpression: Expression | undefined;
  readonly reason: string;
}

const policies = boundPolicies<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, readonly Rule[]>(
  { policies: 'validatingadmissionpolicies', bindings: 'validatingadmissionpolicybindings' },
  ({ spec }, context) =>
    (spec.validations ?? []).map(({ expression, message, messageExpression, reason }) => ({
      expression: compiledExpression(expression, 'bool', context),
      message: message?.trim() || undefined,
      messageExpression: messageExpression ? compiledExpression(messageExpression, 'string', context) : undefined,
      reason: reason ?? 'Invalid',
    })),
);

type Bound = BoundPolicy<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, readonly Rule[]>;

export const validatingAdmissionPolicies: AdmissionPlugin = {
  name: 'ValidatingAdmissionPolicy',
  asksOthers: true,
  on: [{ operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'], group: '*', resources: ['*/*'] }],

  validate(write, deps) {
    const all = policies.of(deps.objects);
    if (all.length === 0 || write.request.api.group === policyGroup) return;
    const denials = all.flatMap((bound) => asked(bound, write, deps));
    const [first] = denials;
    if (first) throw refusal(write, first);
  },
};

interface Problem {
  readonly message: string;
  readonly reason: string;
}

interface Denial extends Problem {
  readonly policy: string;
  readonly binding: string;
}

function asked({ policy, bindings }: Bound, write: AdmissionWrite, deps: AdmissionDeps): Denial[] {
  const served = policy.matcher.match(write, deps);
  if (!served) return [];
  return bindings.flatMap(({ binding, matcher }) => {
    if (matcher && !matcher.match(write, deps)) return [];
    const values = writeValues(write, served, deps);
    const problems = problemsOf({ policy, bindings }, binding, values, write, deps);
    return actedUpon(problems, policy.policy, binding, write);
  });
}

function problemsOf(
  { policy }: Bound,
  { spec }: ValidatingAdmissionPolicyBinding,
  values: Record<string, unknown>,
  { request }: AdmissionWrite,
  deps: AdmissionDeps,
): Problem[] {
  const failed = (message: string): Problem[] =>
    policy.policy.spec.failurePolicy === 'Ignore' ? [] : [{ message, reason: 'Invalid' }];
  try {
    const all = paramsFor(policy.policy.spec.paramKind, spec.paramRef, request, deps);
    return all.flatMap((params) => {
      const known: Record<string, unknown> = { ...values, params };
      const { holds, problem } = conditionsHold(policy.conditions, known);
      if (!holds) return problem === undefined ? [] : failed(problem);
      const meter = newMeter();
      known.variables = variablesValue(policy.variables, known, meter);
      return policy.rules.flatMap((rule) => checked(rule, known, meter, failed));
    });
  } catch (error) {
    if (error instanceof PolicyConfigurationError) return failed(error.message);
    throw error;
  }
}

function checked(
  rule: Rule,
  values: Record<string, unknown>,
  meter: ReturnType<typeof newMeter>,
  failed: (message: string) => Problem[],
): Problem[] {
  try {
    const value = rule.expression.evaluate(values, meter);
    if (value === true) return [];
    if (value !== false) throw new CelError('must evaluate to bool');
    return [{ message: messageFor(rule, values, meter), reason: rule.reason }];
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return failed(evaluationProblem(rule.expression, error));
  }
}

const messageCharactersMax = 5 * 1024;

/** What the expression says, unless it says nothing that fits into one line. */
function messageFor(
  { messageExpression, message, expression }: Rule,
  values: Record<string, unknown>,
  meter: ReturnType<typeof newMeter>,
): string {
  const fallback = message ?? `failed expression: ${expression.text}`;
  if (!messageExpression) return fallback;
  try {
    const text = messageExpression.evaluate(values, meter);
    if (typeof text !== 'string') return fallback;
    const line = text.trim();
    return line === '' || line.includes('\n') || line.length > messageCharactersMax ? fallback : line;
  } catch (error) {
    if (error instanceof CelError) return fallback;
    throw error;
  }
}

/** What the binding wants done about what is wrong. `Audit` has no log to write to yet. */
function actedUpon(
  problems: readonly Problem[],
  { metadata }: ValidatingAdmissionPolicy,
  binding: ValidatingAdmissionPolicyBinding,
  { warnings }: AdmissionWrite,
): Denial[] {
  const names = { policy: metadata.name ?? '', binding: binding.metadata.name ?? '' };
  const actions = binding.spec.validationActions ?? [];
  if (actions.includes('Warn')) {
    for (const { message } of problems) {
      warnings.push(
        `Validation failed for ValidatingAdmissionPolicy '${names.policy}' with binding '${names.binding}': ${message}`,
      );
    }
  }
  return actions.includes('Deny') ? problems.map((problem) => ({ ...problem, ...names })) : [];
}

const codes: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

function refusal({ request, draft }: AdmissionWrite, { policy, binding, message, reason }: Denial): StatusError {
  const text = `ValidatingAdmissionPolicy '${policy}' with binding '${binding}' denied request: ${message}`;
  const { message: whole, details } = forbidden(request.api, request.name ?? draft?.metadata.name ?? '', text);
  return new StatusError(reason as StatusReason, whole, {
    code: codes[reason] ?? 422,
    details: { ...details, causes: [{ message: text }] },
  });
}
