/** What admission counts, under the names of upstream's API server. */
import type { Counter, Histogram, Metrics } from './metrics.ts';

/** Upper bounds in seconds, as upstream's. */
const admissionBounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5];
const webhookBounds = [...admissionBounds, 10, 25];
const policyBounds = [0.0000005, 0.001, 0.01, 0.1, 1];

export type Phase = 'admit' | 'validate';
/** Upstream calls the same step of webhooks by another word. */
export type WebhookPhase = 'admit' | 'validating';

/** Why a webhook's answer was no. */
type RejectionError = 'no_error' | 'calling_webhook_error' | 'apiserver_internal_error';

export interface WebhookOutcome {
  readonly name: string;
  readonly phase: WebhookPhase;
  readonly operation: string;
  readonly seconds: number;
  /** Of the webhook's HTTP answer; 0 when there was none. */
  readonly code: number;
  readonly rejected: boolean;
}

export interface ConditionsOutcome {
  readonly name: string;
  readonly kind: 'webhook' | 'policy';
  readonly phase: Phase;
  readonly operation: string;
  readonly seconds: number;
  readonly result: 'match' | 'exclusion' | 'error';
}

export interface PolicyOutcome {
  readonly kind: 'validating' | 'mutating';
  readonly policy: string;
  readonly binding: string;
  readonly action: 'allow' | 'deny' | 'audit' | 'warn';
  readonly error: 'no_error' | 'invalid_error' | 'compile_error' | 'out_of_budget';
  readonly seconds: number;
}

interface Checks {
  readonly total: Counter;
  readonly durations: Histogram;
}

/** Codes beyond say nothing more, and there must not be one series for each. */
const codeMax = 600;

export class AdmissionMetrics {
  readonly #steps;
  readonly #controllers;
  readonly #webhooks;
  readonly #webhookRejections;
  readonly #webhookRequests;
  readonly #webhooksFailedOpen;
  readonly #conditions;
  readonly #conditionErrors;
  readonly #conditionExclusions;
  readonly #checks: Readonly<Record<PolicyOutcome['kind'], Checks>>;

  constructor(metrics: Metrics) {
    const prefix = 'apiserver_admission';
    this.#steps = metrics.histogram(
      {
        name: `${prefix}_step_admission_duration_seconds`,
        help: 'What one of the two steps of admission took, all plugins together.',
      },
      admissionBounds,
    );
    this.#controllers = metrics.histogram(
      { name: `${prefix}_controller_admission_duration_seconds`, help: 'What one admission plugin took in one step.' },
      admissionBounds,
    );
    this.#webhooks = metrics.histogram(
      { name: `${prefix}_webhook_admission_duration_seconds`, help: 'What asking one admission webhook took.' },
      webhookBounds,
    );
    this.#webhookRejections = metrics.counter({
      name: `${prefix}_webhook_rejection_count`,
      help: 'Writes that were refused because of an admission webhook, by kind of error and code of the refusal.',
    });
    this.#webhookRequests = metrics.counter({
      name: `${prefix}_webhook_request_total`,
      help: 'Requests to admission webhooks, by the code of their answer.',
    });
    this.#webhooksFailedOpen = metrics.counter({
      name: `${prefix}_webhook_fail_open_count`,
      help: 'Writes that were let in although an admission webhook could not be asked.',
    });
    this.#conditions = metrics.histogram(
      { name: `${prefix}_match_condition_evaluation_seconds`, help: 'What evaluating match conditions took.' },
      admissionBounds,
    );
    this.#conditionErrors = metrics.counter({
      name: `${prefix}_match_condition_evaluation_errors_total`,
      help: 'Match conditions that could not be evaluated.',
    });
    this.#conditionExclusions = metrics.counter({
      name: `${prefix}_match_condition_exclusions_total`,
      help: 'Writes that match conditions kept from a webhook or policy.',
    });
    this.#checks = { validating: policyChecks(metrics, 'validating'), mutating: policyChecks(metrics, 'mutating') };
  }

  /** `series` are labels, made once: see `seriesOf`. */
  step(series: string, seconds: number): void {
    this.#steps.observe(series, seconds);
  }

  controller(series: string, seconds: number): void {
    this.#controllers.observe(series, seconds);
  }

  webhook({ name, phase, operation, seconds, code, rejected }: WebhookOutcome): void {
    const bounded = Math.min(code, codeMax);
    this.#webhooks.observe(seriesOf(phase, operation, rejected, name), seconds);
    const labels = `code="${bounded}",name=${quoted(name)},operation="${operation}",rejected="${rejected}",type="${phase}"`;
    this.#webhookRequests.add(labels);
  }

  webhookRejection(
    { name, phase, operation }: Pick<WebhookOutcome, 'name' | 'phase' | 'operation'>,
    error: RejectionError,
    code = 0,
  ): void {
    const labels = `error_type="${error}",name=${quoted(name)},operation="${operation}",rejection_code="${Math.min(code, codeMax)}",type="${phase}"`;
    this.#webhookRejections.add(labels);
  }

  webhookFailedOpen(name: string, phase: WebhookPhase): void {
    this.#webhooksFailedOpen.add(`name=${quoted(name)},type="${phase}"`);
  }

  conditions({ name, kind, phase, operation, seconds, result }: ConditionsOutcome): void {
    const labels = `kind="${kind}",name=${quoted(name)},operation="${operation}",type="${phase}"`;
    this.#conditions.observe(labels, seconds);
    if (result === 'error') this.#conditionErrors.add(labels);
    if (result === 'exclusion') this.#conditionExclusions.add(labels);
  }

  policy({ kind, policy, binding, action, error, seconds }: PolicyOutcome): void {
    const labels = `enforcement_action="${action}",error_type="${error}",policy=${quoted(policy)},policy_binding=${quoted(binding)}`;
    const { total, durations } = this.#checks[kind];
    total.add(labels);
    durations.observe(labels, seconds);
  }
}

function policyChecks(metrics: Metrics, kind: PolicyOutcome['kind']): Checks {
  const prefix = `apiserver_${kind}_admission_policy`;
  return {
    total: metrics.counter({
      name: `${prefix}_check_total`,
      help: 'Writes on which a policy had something to say, by what was done about it.',
    }),
    durations: metrics.histogram(
      { name: `${prefix}_check_duration_seconds`, help: 'What evaluating a policy for one binding took.' },
      policyBounds,
    ),
  };
}

/** The labels of a step, or of a plugin or webhook in it. */
export function seriesOf(phase: Phase | WebhookPhase, operation: string, rejected: boolean, name?: string): string {
  const named = name === undefined ? '' : `name=${quoted(name)},`;
  return `${named}operation="${operation}",rejected="${rejected}",type="${phase}"`;
}

/** Names come from clients. */
function quoted(text: string): string {
  return `"${text.replace(/["\\\n]/g, (each) => (each === '\n' ? '\\n' : `\\${each}`))}"`;
}
