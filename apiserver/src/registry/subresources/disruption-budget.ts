/** What a disruption budget has to say to an eviction, and how an eviction spends from it. */
import { StatusError } from '@slipway/api/status-error';
import type { Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';

/** Evictions that the disruption controller has not confirmed; more would make the budget too large an object. */
const disruptedPodsMax = 2000;
const retryAfterSeconds = 10;
const conditionType = 'DisruptionAllowed';

/** A pod that is not ready may go where the budget says so, or where enough others are healthy. */
export function isFreeToGo({ status }: Pod, { spec, status: counts }: PodDisruptionBudget): boolean {
  const isReady = status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True');
  if (isReady) return false;
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const desired = counts?.desiredHealthy ?? 0;
  return desired > 0 && (counts?.currentHealthy ?? 0) >= desired;
}

/** The status after one more eviction. Throws StatusError: TooManyRequests when there is none to spend. */
export function spentOn(podName: string, budget: PodDisruptionBudget, nowMs: number): PodDisruptionBudgetStatus {
  refuseIfSpent(budget);
  const { status } = budget;
  const disruptionsAllowed = (status?.disruptionsAllowed ?? 0) - 1;
  const spent = {
    ...(status as PodDisruptionBudgetStatus),
    disruptionsAllowed,
    disruptedPods: { ...status?.disruptedPods, [podName]: formatTime(nowMs) },
  };
  return disruptionsAllowed > 0 ? spent : { ...spent, conditions: exhausted(budget, nowMs) };
}

function exhausted({ metadata, status }: PodDisruptionBudget, nowMs: number): PodDisruptionBudgetStatus['conditions'] {
  const conditions = status?.conditions ?? [];
  const former = conditions.find(({ type }) => type === conditionType);
  const condition = {
    type: conditionType,
    status: 'False',
    reason: 'InsufficientPods',
    message: '',
    lastTransitionTime: former?.status === 'False' ? former.lastTransitionTime : formatTime(nowMs),
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
  };
  return former ? conditions.map((other) => (other === former ? condition : other)) : [...conditions, condition];
}

function refuseIfSpent({ metadata, status }: PodDisruptionBudget): void {
  const { name = '', generation = 0 } = metadata;
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = status ?? {};
  if (observedGeneration < generation) throw stillProcessed(name);
  if (disruptionsAllowed < 0) {
    throw forbidden(name, 'pdb disruptions allowed is negative', 'pdb disruptions allowed is negative');
  }
  if (Object.keys(disruptedPods).length > disruptedPodsMax) {
    const reason = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbidden(name, reason, 'too many pending evictions not confirmed by PDB controller');
  }
  if (disruptionsAllowed === 0) throw tooMany(whyNot(name, status));
}

/** Numbers that were not counted in the end say nothing, so that a failure comes first. */
function whyNot(name: string, status: PodDisruptionBudgetStatus | undefined): string {
  const { desiredHealthy = 0, currentHealthy = 0, conditions = [] } = status ?? {};
  const verdict = conditions.find(({ type }) => type === conditionType);
  const message = verdict?.status === 'False' ? verdict.message : '';
  const refused = `The disruption budget ${name} does not allow evicting pods currently`;
  if (message && verdict?.reason === 'SyncFailed') return `${refused} because it failed sync: ${message}`;
  if (currentHealthy <= desiredHealthy) {
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  }
  return message ? `${refused} (${verdict?.reason}): ${message}` : refused;
}

/** The counts of the budget are older than its spec, or than the pod. */
export function stillProcessed(name: string): StatusError {
  return tooMany(`The disruption budget ${name} is still being processed by the server.`, retryAfterSeconds);
}

function tooMany(message: string, seconds?: number): StatusError {
  const text = "Cannot evict pod as it would violate the pod's disruption budget.";
  const details = { causes: causeOf(message), ...(seconds === undefined ? {} : { retryAfterSeconds: seconds }) };
  return new StatusError('TooManyRequests', text, { details });
}

function forbidden(name: string, reason: string, cause: string): StatusError {
  const kind = 'poddisruptionbudget';
  const causes = causeOf(`The disruption budget ${name} does not allow evicting pods currently: ${cause}`);
  return new StatusError('Forbidden', `${kind}.policy "${name}" is forbidden: ${reason}`, {
    details: { name, group: 'policy', kind, causes },
  });
}

function causeOf(message: string) {
  return [{ reason: 'DisruptionBudget', message }];
}
