import { formatTime } from '@slipway/kit/clock';
import type { ContainerStatus, Pod, PodStatus } from '@slipway/api/types';
import { containerStatus, type ContainerStatusInput } from './container-status.ts';
import { relationEnd } from './container-relations.ts';
import { currentSandbox, type ObservedPod } from './observed-pod.ts';
import { podEnd } from './plan-pod.ts';
import { planContainers } from './plan-containers.ts';
import { appContainersOf, initContainersOf, isTerminalPhase } from './pod-containers.ts';
import { podConditions } from './pod-conditions.ts';
import { podPhase } from './pod-phase.ts';

export interface PodStatusContext {
  /** The node's addresses, the primary one first. */
  readonly hostIps: readonly string[];
  readonly runtimeName: string;
  readonly nowMs: number;
}

/**
 * What the agent tells the API server about a pod. Pure: derived from the pod (its last told status included, for
 * transition times and for what the runtime has swept) and from what is seen now; nothing is counted up over time.
 */
export function podStatus(pod: Pod, observed: ObservedPod, context: PodStatusContext): PodStatus {
  const previous = pod.status ?? {};
  if (observed.rejection) return rejectedStatus(pod, observed.rejection, context);
  const end = podEnd(pod, observed, context.nowMs);
  const ending = end !== undefined && end !== 'finished';
  const initialized = end !== undefined || planContainers(pod, observed, context.nowMs).initialized;
  const input = (told: readonly ContainerStatus[] | undefined, name: string): ContainerStatusInput => ({
    pod,
    observed,
    nowMs: context.nowMs,
    previous: told?.find((status) => status.name === name),
    podInitializing: !initialized,
    ending,
    runtimeName: context.runtimeName,
  });
  const statuses = appContainersOf(pod).map((container) =>
    containerStatus(container, input(previous.containerStatuses, container.spec.name)),
  );
  const initStatuses = initContainersOf(pod).map((container) =>
    containerStatus(container, input(previous.initContainerStatuses, container.spec.name)),
  );
  const related = relationEnd(pod, observed, context.nowMs);
  const derived = podPhase({ pod, initStatuses, statuses, ending, related });
  const phase = isTerminalPhase(previous.phase) ? (previous.phase as typeof derived) : derived;
  const sandbox = currentSandbox(observed);
  const conditions = podConditions({
    pod,
    phase,
    initStatuses,
    statuses,
    sandboxReady: sandbox !== undefined,
    previous: previous.conditions ?? [],
    nowMs: context.nowMs,
  });
  const deadline =
    end === 'deadline' && phase === 'Failed'
      ? {
          reason: 'DeadlineExceeded',
          message: 'Pod was active on the node longer than the specified deadline',
        }
      : {};
  return {
    ...common(pod, context),
    ...deadline,
    ...(related?.end === 'dependency' && phase === 'Failed'
      ? { reason: 'DependencyFailed', message: related.message }
      : {}),
    phase,
    conditions,
    ...addresses(pod, sandbox?.ips ?? [], context),
    ...(initStatuses.length > 0 ? { initContainerStatuses: initStatuses } : {}),
    containerStatuses: statuses,
  };
}

/** What every status of ours carries, with what the server or others wrote before. */
function common(pod: Pod, { hostIps, nowMs }: PodStatusContext): PodStatus {
  const previous = pod.status ?? {};
  const { generation } = pod.metadata;
  return {
    ...(isTerminalPhase(previous.phase) ? { reason: previous.reason, message: previous.message } : {}),
    ...(previous.qosClass ? { qosClass: previous.qosClass } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    startTime: previous.startTime ?? formatTime(nowMs),
    ...(hostIps[0] ? { hostIP: hostIps[0], hostIPs: hostIps.map((ip) => ({ ip })) } : {}),
  };
}

/** A pod keeps the address it had when its sandbox is gone at the end, as upstream shows it for finished pods. */
function addresses(pod: Pod, sandboxIps: readonly string[], { hostIps }: PodStatusContext): PodStatus {
  const ips = pod.spec.hostNetwork ? hostIps : sandboxIps;
  if (ips[0]) return { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) };
  const { podIP, podIPs } = pod.status ?? {};
  return podIP ? { podIP, podIPs } : {};
}

function rejectedStatus(
  pod: Pod,
  { reason, message }: { readonly reason: string; readonly message: string },
  context: PodStatusContext,
): PodStatus {
  const previous = pod.status ?? {};
  return {
    ...previous,
    ...common(pod, context),
    phase: 'Failed',
    reason,
    message: `Pod was rejected: ${message}`,
  };
}
