/** ValidatingAdmissionPolicies: rules in CEL that say what may be written, put into force by bindings. */
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '@slipway/api/types';
import { StatusError, type StatusReason } from '@slipway/api/status-error';
import { CelCostError } from '@slipway/cel/cost-meter';
import { CelError } from '@slipway/cel/values';
import { forbidden } from '../../registry/status-errors.ts';
import type { PolicyOutcome } from '../../metrics/admission-metrics.ts';
import {
  compiledExpression,
  evaluationProblem,
  type Expression,
  type NamedExpression,
  newMeter,
} from '../expressions/expression.ts';
import { measuredConditions } from '../policies/measured-conditions.ts';
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

interface Rules {
  readonly validations: readonly Rule[];
  readonly annotations: readonly NamedExpression[];
}

const policies = boundPolicies<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, Rules>(
  { policies: 'validatingadmissionpolicies', bindings: 'validatingadmissionpolicybindings' },
  ({ spec }, context) => ({
    validations: (spec.validations ?? []).map(({ expression, message, messageExpression, reason }) => ({
      expression: compiledExpression(expression, 'bool', context),
      message: message?.trim() || undefined,
      messageExpression: messageExpression ? compiledExpression(messageExpression, 'string', context) : undefined,
      reason: reason ?? 'Invalid',
    })),
    annotations: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      name: key,
      expression: compiledExpression(valueExpression, 'stringOrNull', context),
    })),
  }),
);

type Bound = BoundPolicy<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, Rules>;

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
  readonly error: PolicyOutcome['error'];
  /** Of the validation; none where something else failed. */
  readonly index?: number;
  /** Whatever the binding says: nothing could be worked out, and the policy fails. */
  readonly isFinal?: true;
}

interface Denial extends Problem {
  readonly policy: string;
  readonly binding: string;
}

interface Asking {
  readonly bound: Bound;
  readonly binding: ValidatingAdmissionPolicyBinding;
  readonly write: AdmissionWrite;
  readonly deps: AdmissionDeps;
}

function asked(bound: Bound, write: AdmissionWrite, deps: AdmissionDeps): Denial[] {
  const { policy, bindings } = bound;
  const served = policy.matcher.match(write, deps);
  if (!served) return [];
  return bindings.flatMap(({ binding, matcher }) => {
    if (matcher && !matcher.match(write, deps)) return [];
    const asking: Asking = { bound, binding, write, deps };
    const beganMs = deps.clock.monotonicMs();
    const notes = new Map<string, Set<string>>();
    const problems = problemsOf(asking, writeValues(write, served, deps), notes);
    publish(notes, policy.policy, write);
    return actedUpon(problems, asking, (deps.clock.monotonicMs() - beganMs) / 1000);
  });
}

type Fail = (message: string, error?: PolicyOutcome['error']) => Problem[];

function problemsOf(
  { bound: { policy }, binding, write, deps }: Asking,
  values: Record<string, unknown>,
  notes: Map<string, Set<string>>,
): Problem[] {
  const { failurePolicy, paramKind } = policy.policy.spec;
  const failed: Fail = (message, error = 'invalid_error') =>
    failurePolicy === 'Ignore' ? [] : [{ message, reason: 'Invalid', error }];
  try {
    const all = paramsFor(paramKind, binding.spec.paramRef, write.request, deps);
    return all.flatMap((params) => {
      const known: Record<string, unknown> = { ...values, params };
      const { holds, problem } = measuredConditions(policy, 'validate', known, write, deps);
      if (!holds) return problem === undefined ? [] : failed(problem);
      const meter = newMeter();
      known.variables = variablesValue(policy.variables, known, meter);
      return [
        ...policy.rules.validations.flatMap((rule, index) => checked(rule, index, known, meter, failed)),
        ...policy.rules.annotations.flatMap((annotation) => noted(annotation, known, meter, failed, notes)),
      ];
    });
  } catch (error) {
    if (error instanceof PolicyConfigurationError) return failed(error.message);
    throw error;
  }
}

type Meter = ReturnType<typeof newMeter>;

function checked(rule: Rule, index: number, values: Record<string, unknown>, meter: Meter, failed: Fail): Problem[] {
  try {
    const value = rule.expression.evaluate(values, meter);
    if (value === true) return [];
    if (value !== false) throw new CelError('must evaluate to bool');
    return [{ message: messageFor(rule, values, meter), reason: rule.reason, error: 'no_error', index }];
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    return failed(evaluationProblem(rule.expression, error), errorKind(rule.expression, error)).map((problem) => ({
      ...problem,
      index,
    }));
  }
}

function errorKind({ problem }: Expression, error: CelError): PolicyOutcome['error'] {
  if (problem !== undefined) return 'compile_error';
  return error instanceof CelCostError ? 'out_of_budget' : 'invalid_error';
}

/** Upstream's limit on the value of an annotation. */
const annotationCharactersMax = 10 * 1024;

/** What an audit annotation says about the write; null says nothing. */
function noted(
  { name, expression }: NamedExpression,
  values: Record<string, unknown>,
  meter: Meter,
  failed: Fail,
  notes: Map<string, Set<string>>,
): Problem[] {
  try {
    const value = expression.evaluate(values, meter);
    if (value === null) return [];
    if (typeof value !== 'string') throw new CelError('must evaluate to string or null');
    const text = value.trim().slice(0, annotationCharactersMax);
    if (text !== '') notes.set(name, (notes.get(name) ?? new Set()).add(text));
    return [];
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    const problems = failed(evaluationProblem(expression, error), errorKind(expression, error));
    return problems.map((problem) => ({ ...problem, isFinal: true }));
  }
}

function publish(
  notes: ReadonlyMap<string, ReadonlySet<string>>,
  { metadata }: ValidatingAdmissionPolicy,
  { annotate }: AdmissionWrite,
): void {
  for (const [key, values] of notes) annotate(`${metadata.name}/${key}`, [...values].join(', '));
}

const messageCharactersMax = 5 * 1024;

/** What the expression says, unless it says nothing that fits into one line. */
function messageFor(
  { messageExpression, message, expression }: Rule,
  values: Record<string, unknown>,
  meter: Meter,
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

const failureAnnotation = 'validation.policy.admission.k8s.io/validation_failure';

/** What the binding wants done about what is wrong. */
function actedUpon(problems: readonly Problem[], { bound, binding, write, deps }: Asking, seconds: number): Denial[] {
  const names = { policy: bound.policy.policy.metadata.name ?? '', binding: binding.metadata.name ?? '' };
  const actions = binding.spec.validationActions ?? [];
  const count = (action: PolicyOutcome['action'], { error }: Problem) =>
    deps.metrics.policy({ kind: 'validating', ...names, action, error, seconds });
  for (const problem of problems) {
    if (actions.includes('Deny') || problem.isFinal) count('deny', problem);
    if (actions.includes('Audit')) count('audit', problem);
    if (!actions.includes('Warn')) continue;
    count('warn', problem);
    write.warnings.push(
      `Validation failed for ValidatingAdmissionPolicy '${names.policy}' with binding '${names.binding}': ${problem.message}`,
    );
  }
  if (problems.length === 0) {
    deps.metrics.policy({ kind: 'validating', ...names, action: 'allow', error: 'no_error', seconds });
  }
  if (actions.includes('Audit') && problems.length > 0) {
    const failures = problems.map(({ message, index }) => {
      return {
        message,
        ...names,
        ...(index === undefined ? {} : { expressionIndex: index }),
        validationActions: actions,
      };
    });
    write.annotate(failureAnnotation, JSON.stringify(failures).slice(0, annotationCharactersMax));
  }
  return problems
    .filter(({ isFinal }) => isFinal || actions.includes('Deny'))
    .map((problem) => ({ ...problem, ...names }));
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
