/**
 * What a budget allows: healthy pods minus those that must stay healthy.
 *
 * The eviction endpoint of the API server spends from this number and notes the pod in `disruptedPods`. Until the pod is seen to go it
 * counts as gone; one that does not go within two minutes counts as healthy again.
 */
import { isDeepStrictEqual } from 'node:util';
import { scaledValue } from '@slipway/api/int-or-string';
import type { LabelSelector, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import type { Plan, Step } from '../../runtime/step.ts';
import { isPodReady } from '../../workloads/pod-readiness.ts';
import type { ObservedBudget } from './observe.ts';

/** A pod that was evicted must be seen to go within this time. */
export const deletionTimeoutMs = 120_000;
/** Of many pods with several budgets a few are named: what is wrong is the budgets. */
const contestedToldMax = 10;

type Status = PodDisruptionBudgetStatus;
type Disrupted = Readonly<Record<string, string>>;

interface Goal {
  readonly expected: number;
  readonly desired: number;
}

export function planBudget(observed: ObservedBudget, nowMs: number): Plan<Status> {
  const { budget, pods, contested, owners } = observed;
  const goal = goalOf(observed);
  if ('problem' in goal) return planFailure(budget, goal.problem, nowMs);
  const { disrupted, late, nextMs } = stillExpectedToGo(budget, pods, nowMs);
  const healthy = pods.filter(
    (pod) => !pod.metadata.deletionTimestamp && !(pod.metadata.name && disrupted[pod.metadata.name]) && isPodReady(pod),
  ).length;
  const status = statusOf(budget, goal, healthy, disrupted, nowMs);
  // Told when it becomes so, not at every look.
  const isNews = !isDeepStrictEqual(status, budget.status);
  const unmanaged = 'unmanaged' in owners && owners.unmanaged > 0;
  return {
    steps: [
      ...(isNews && pods.length === 0 ? [event(budget, 'Normal', 'NoPods', 'No matching pods found')] : []),
      ...(isNews && unmanaged ? [event(budget, 'Warning', 'UnmanagedPods', unmanagedText(budget.spec.selector))] : []),
      ...(isNews ? contested.slice(0, contestedToldMax).map((pod) => contestedBy(pod, budget)) : []),
      ...late.map((pod) => notDeleted(pod, budget)),
    ],
    status,
    ...(nextMs === undefined ? {} : { again: { afterMs: nextMs - nowMs } }),
  };
}

function goalOf({ budget, pods, owners }: ObservedBudget): Goal | { readonly problem: string } {
  const { maxUnavailable, minAvailable } = budget.spec;
  if (maxUnavailable === undefined && typeof minAvailable !== 'string') {
    return minAvailable === undefined ? { expected: 0, desired: 0 } : { expected: pods.length, desired: minAvailable };
  }
  if ('problem' in owners) return owners;
  const { expected } = owners;
  const limit = scaledValue(maxUnavailable ?? minAvailable ?? 0, expected, 'up');
  if (limit === undefined) return { problem: `invalid value for IntOrString: ${maxUnavailable ?? minAvailable}` };
  return { expected, desired: maxUnavailable === undefined ? limit : Math.max(0, expected - limit) };
}

/** Evicted pods that are still there and have time to go; those whose time is over; when the next one's is. */
function stillExpectedToGo({ status }: PodDisruptionBudget, pods: readonly Pod[], nowMs: number) {
  const noted: Disrupted = status?.disruptedPods ?? {};
  const disrupted: Record<string, string> = {};
  const late: Pod[] = [];
  let nextMs: number | undefined;
  for (const pod of pods) {
    const { name = '', deletionTimestamp } = pod.metadata;
    const since = noted[name];
    if (since === undefined || deletionTimestamp) continue;
    const untilMs = Date.parse(since) + deletionTimeoutMs;
    if (untilMs <= nowMs) {
      late.push(pod);
      continue;
    }
    disrupted[name] = since;
    nextMs = Math.min(nextMs ?? untilMs, untilMs);
  }
  return { disrupted, late, nextMs };
}

function statusOf(
  budget: PodDisruptionBudget,
  { expected, desired }: Goal,
  healthy: number,
  disrupted: Disrupted,
  nowMs: number,
): Status {
  const { generation } = budget.metadata;
  // A budget that matches no pods allows nothing, so that the first ones that come are safe.
  const allowed = expected <= 0 ? 0 : Math.max(0, healthy - desired);
  const verdict =
    allowed > 0 ? { status: 'True', reason: 'SufficientPods' } : { status: 'False', reason: 'InsufficientPods' };
  return {
    currentHealthy: healthy,
    desiredHealthy: desired,
    disruptionsAllowed: allowed,
    expectedPods: expected,
    ...(Object.keys(disrupted).length > 0 ? { disruptedPods: { ...disrupted } } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: withVerdict(budget, { ...verdict, message: '' }, generation, nowMs),
  };
}

/** What cannot be counted allows nothing; the other numbers stay, for they are the last that were known. */
function planFailure(budget: PodDisruptionBudget, problem: string, nowMs: number): Plan<Status> {
  const { status } = budget;
  const verdict = { status: 'False', reason: 'SyncFailed', message: problem };
  const failed: Status = {
    currentHealthy: 0,
    desiredHealthy: 0,
    expectedPods: 0,
    ...status,
    disruptionsAllowed: 0,
    conditions: withVerdict(budget, verdict, status?.observedGeneration, nowMs),
  };
  const message = `Failed to calculate the number of expected pods: ${problem}`;
  const isNews = !isDeepStrictEqual(failed, status);
  return {
    steps: isNews ? [event(budget, 'Warning', 'CalculateExpectedPodCountFailed', message)] : [],
    status: failed,
  };
}

const conditionType = 'DisruptionAllowed';

function withVerdict(
  { status }: PodDisruptionBudget,
  verdict: { readonly status: string; readonly reason: string; readonly message: string },
  observedGeneration: number | undefined,
  nowMs: number,
): NonNullable<Status['conditions']> {
  const conditions = status?.conditions ?? [];
  const former = conditions.find(({ type }) => type === conditionType);
  const lastTransitionTime = former?.status === verdict.status ? former.lastTransitionTime : formatTime(nowMs);
  const condition = {
    type: conditionType,
    ...verdict,
    lastTransitionTime,
    ...(observedGeneration ? { observedGeneration } : {}),
  };
  if (!former) return [...conditions, condition];
  return conditions.map((other) => (other === former ? condition : other));
}

function event(about: PodDisruptionBudget, type: 'Normal' | 'Warning', reason: string, message: string): Step {
  return { op: 'event', about, type, reason, message };
}

function notDeleted(pod: Pod, { metadata }: PodDisruptionBudget): Step {
  const message = `Pod was expected by PDB ${metadata.namespace}/${metadata.name} to be deleted but it wasn't`;
  return { op: 'event', about: pod, type: 'Warning', reason: 'NotDeleted', message };
}

function contestedBy(pod: Pod, { metadata }: PodDisruptionBudget): Step {
  const { namespace, name } = pod.metadata;
  const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${metadata.name}" arbitrarily.`;
  return { op: 'event', about: pod, type: 'Warning', reason: 'MultiplePodDisruptionBudgets', message };
}

function unmanagedText(selector: LabelSelector | undefined): string {
  return (
    `Pods selected by this PodDisruptionBudget (selector: ${selectorText(selector)}) were found to be unmanaged. ` +
    'As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. ' +
    'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
  );
}

/** As Go prints it. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector = {}): string {
  const labels = Object.entries(matchLabels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const map = labels.map(([key, value]) => `${key}: ${value},`).join('');
  const list = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${map}},MatchExpressions:[]LabelSelectorRequirement{${list.join('')}},}`;
}
