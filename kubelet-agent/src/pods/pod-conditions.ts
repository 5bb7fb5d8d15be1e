import { formatTime } from '@slipway/kit/clock';
import { podTerms } from '@slipway/api/container-terms';
import type { ContainerStatus, Pod, PodCondition } from '@slipway/api/types';
import { initContainersOf } from './pod-containers.ts';
import type { PodPhase } from './pod-phase.ts';

export interface ConditionsInput {
  readonly pod: Pod;
  readonly phase: PodPhase;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  /** Sandbox and network are there. */
  readonly sandboxReady: boolean;
  readonly previous: readonly PodCondition[];
  readonly nowMs: number;
}

interface Verdict {
  readonly status: boolean;
  readonly reason?: string;
  readonly message?: string;
}

/** Pure. Conditions that others own (scheduler, readiness gates, disruption) pass through untouched. */
export function podConditions(input: ConditionsInput): PodCondition[] {
  const containersReady = containersReadyVerdict(input);
  const own: readonly [string, Verdict][] = [
    ['PodReadyToStartContainers', { status: input.sandboxReady }],
    ['Initialized', initializedVerdict(input)],
    ['Ready', readyVerdict(input, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', { status: true }],
  ];
  const ownTypes = new Set(own.map(([type]) => type));
  const foreign = input.previous.filter(({ type }) => !ownTypes.has(type));
  return [...own.map(([type, verdict]) => condition(type, verdict, input)), ...foreign];
}

function condition(type: string, verdict: Verdict, input: ConditionsInput): PodCondition {
  const status = verdict.status ? 'True' : 'False';
  const before = input.previous.find((other) => other.type === type);
  const since = before?.status === status ? before.lastTransitionTime : undefined;
  const { generation } = input.pod.metadata;
  return {
    type,
    status,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    lastTransitionTime: since ?? formatTime(input.nowMs),
    ...(verdict.reason ? { reason: verdict.reason } : {}),
    ...(verdict.message ? { message: verdict.message } : {}),
  };
}

function initializedVerdict({ pod, phase, initStatuses, statuses }: ConditionsInput): Verdict {
  if (phase === 'Succeeded') return { status: true, reason: 'PodCompleted' };
  const began = statuses.some(({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated);
  const incomplete = initContainersOf(pod).filter(({ role, spec }) => {
    const status = initStatuses.find(({ name }) => name === spec.name);
    return role === 'sidecar' ? !began && !status?.started : !began && !status?.ready;
  });
  if (incomplete.length === 0) return { status: true };
  const names = incomplete.map(({ spec }) => spec.name).join(' ');
  return {
    status: false,
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${names}]`,
  };
}

function containersReadyVerdict({ pod, phase, initStatuses, statuses }: ConditionsInput): Verdict {
  if (phase === 'Succeeded') return { status: false, reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: false, reason: 'PodFailed' };
  const sidecars = initContainersOf(pod).filter(({ role }) => role === 'sidecar');
  const names = [...sidecars.map(({ spec }) => spec.name), ...pod.spec.containers.map(({ name }) => name)];
  const all = [...initStatuses, ...statuses];
  const unready = names.filter((name) => {
    const status = all.find((each) => each.name === name);
    return !status?.ready && !(isBesides(pod, name) && hasBegun(status));
  });
  if (unready.length === 0) return { status: true };
  return {
    status: false,
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}

/** Others are essential and this one is not: once it has begun, the pod serves with and without it. */
function isBesides(pod: Pod, name: string): boolean {
  const terms = podTerms(pod);
  return terms[name]?.essential !== true && Object.values(terms).some(({ essential }) => essential);
}

function hasBegun(status: ContainerStatus | undefined): boolean {
  const { state, lastState } = status ?? {};
  return (state?.running ?? state?.terminated ?? lastState?.terminated) !== undefined;
}

function readyVerdict({ pod, previous }: ConditionsInput, containersReady: Verdict): Verdict {
  if (!containersReady.status) return containersReady;
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = previous.find(({ type }) => type === conditionType);
    if (!gate) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (gate.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  if (messages.length === 0) return { status: true };
  return { status: false, reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}
