/** The webhooks of all configurations, ready to be asked: worked out once per change of a configuration. */
import type { KubeObject, MutatingWebhook, ValidatingWebhook } from '@slipway/api/types';
import { StatusError, type StatusReason } from '@slipway/api/status-error';
import { messageOf } from '@slipway/kit/errors';
import type { AdmissionMetrics, WebhookPhase } from '../../metrics/admission-metrics.ts';
import type { ServedResource } from '../../registry/kinds.ts';
import { badRequest } from '../../registry/status-errors.ts';
import { type Conditions, compiledConditions } from '../expressions/expression.ts';
import { Derived } from '../derived.ts';
import type { AdmissionDeps, AdmissionWrite } from '../plugin.ts';
import { callWebhook, WebhookCallError } from './call-webhook.ts';
import { type Matcher, matcherFor } from './matching.ts';
import { type Asked, parseReview, reviewBody, type ReviewResponse, type ReviewStatus } from './review.ts';

const group = 'admissionregistration.k8s.io';
const timeoutSecondsDefault = 10;
/** Newest first. */
const reviewVersions = ['v1', 'v1beta1'];

type AnyWebhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

export interface Webhook {
  /** Of the configuration, the webhook, and its place: unique. */
  readonly id: string;
  readonly spec: AnyWebhook;
  readonly matcher: Matcher;
  readonly conditions: Conditions;
}

export interface Webhooks {
  readonly all: readonly Webhook[];
}

export function webhooksOf(resource: 'mutatingwebhookconfigurations' | 'validatingwebhookconfigurations') {
  return new Derived<Webhooks>({ group, resource }, (objects) => {
    const configurations = [...objects].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    return {
      all: configurations.flatMap((configuration) =>
        ((configuration as { webhooks?: AnyWebhook[] }).webhooks ?? []).map((spec, i) => ({
          id: `${nameOf(configuration)}/${spec.name}/${i}`,
          spec,
          matcher: matcherFor(spec),
          conditions: compiledConditions(spec.matchConditions),
        })),
      ),
    };
  });
}

function nameOf({ metadata }: KubeObject): string {
  return metadata.name ?? '';
}

/** The server's own writes at its start must not depend on what runs on it. */
const ownUser = 'system:apiserver';

/** What configures admission is not admitted by it: nobody could mend a webhook that refuses everything. */
export function isExempt({ request }: AdmissionWrite): boolean {
  return request.api.group === group || request.user.name === ownUser;
}

interface Asking {
  readonly mayPatch: boolean;
  readonly deps: AdmissionDeps;
}

/** Undefined when the webhook cannot be asked and its failure policy says that this does not matter. Throws StatusError. */
export async function askWebhook(
  { spec }: Webhook,
  served: ServedResource,
  write: AdmissionWrite,
  { mayPatch, deps }: Asking,
): Promise<ReviewResponse | undefined> {
  if (write.request.dryRun && spec.sideEffects !== 'None' && spec.sideEffects !== 'NoneOnDryRun') {
    throw badRequest(`admission webhook ${JSON.stringify(spec.name)} does not support dry run`);
  }
  const response = await reviewed(spec, served, write, { mayPatch, deps });
  if (!response) return undefined;
  write.warnings.push(...response.warnings);
  if (response.allowed) return response;
  const refused = denial(spec.name, response.status);
  const { operation } = write.request;
  deps.metrics.webhookRejection({ name: spec.name, phase: phaseOf(mayPatch), operation }, 'no_error', refused.code);
  throw refused;
}

function phaseOf(mayPatch: boolean): WebhookPhase {
  return mayPatch ? 'admit' : 'validating';
}

async function reviewed(
  spec: AnyWebhook,
  served: ServedResource,
  write: AdmissionWrite,
  { mayPatch, deps }: Asking,
): Promise<ReviewResponse | undefined> {
  const version = reviewVersions.find((each) => spec.admissionReviewVersions.includes(each)) ?? 'v1';
  const asked: Asked = { uid: deps.random.uuid(), version, served };
  const { timeoutSeconds = timeoutSecondsDefault, clientConfig } = spec;
  const body = reviewBody(write, asked);
  const { clock, metrics } = deps;
  const phase = phaseOf(mayPatch);
  const beganMs = clock.monotonicMs();
  let step = 'failed to call webhook';
  let code = 0;
  let rejected = true;
  try {
    const text = await callWebhook({ client: clientConfig, body, timeoutSeconds, signal: write.signal }, deps);
    code = 200;
    step = 'received invalid webhook response';
    const response = parseReview(text, asked, mayPatch);
    rejected = !response.allowed;
    return response;
  } catch (error) {
    write.signal.throwIfAborted();
    if (error instanceof WebhookCallError) code = error.code;
    return afterFailure(spec, `${step}: ${messageOf(error)}`, { phase, write, metrics });
  } finally {
    const seconds = (clock.monotonicMs() - beganMs) / 1000;
    metrics.webhook({ name: spec.name, phase, operation: write.request.operation, seconds, code, rejected });
  }
}

interface Failing {
  readonly phase: WebhookPhase;
  readonly write: AdmissionWrite;
  readonly metrics: AdmissionMetrics;
}

/** Throws StatusError InternalError unless failures are to be ignored. */
export function afterFailure(
  { name, failurePolicy }: Pick<AnyWebhook, 'name' | 'failurePolicy'>,
  problem: string,
  { phase, write, metrics }: Failing,
): undefined {
  if (failurePolicy === 'Ignore') {
    metrics.webhookFailedOpen(name, phase);
    return undefined;
  }
  metrics.webhookRejection({ name, phase, operation: write.request.operation }, 'calling_webhook_error');
  throw internalError(`failed calling webhook ${JSON.stringify(name)}: ${problem}`);
}

/** The text names what failed, so that nothing of it is worth a line in our log: no `cause`. */
export function internalError(problem: string): StatusError {
  return new StatusError('InternalError', `Internal error occurred: ${problem}`, {
    details: { causes: [{ message: problem }] },
  });
}

function denial(name: string, status: ReviewStatus | undefined): StatusError {
  const head = `admission webhook ${JSON.stringify(name)} denied the request`;
  const { code = 0, message, reason, details } = status ?? {};
  const explained = message || reason;
  return new StatusError(
    (reason ?? '') as StatusReason,
    explained ? `${head}: ${explained}` : `${head} without explanation`,
    { code: Math.max(code, 400), ...(details ? { details } : {}) },
  );
}
