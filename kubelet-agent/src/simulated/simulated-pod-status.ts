import type { Pod, PodStatus } from '@slipway/api/types';
import { nothingObserved, type ObservedContainer, type ObservedPod } from '../pods/observed-pod.ts';
import { appContainersOf, containersOf, type PodContainer } from '../pods/pod-containers.ts';
import { podStatus } from '../pods/pod-status.ts';
import { isOver, type PodLife } from './pod-life.ts';

export interface SimulatedPodContext {
  readonly hostIp: string;
  /** Of the pod; undefined for one in the host's network. */
  readonly podIp: string | undefined;
  /** How long exited containers wait until they start again. */
  readonly restartAfterMs: number;
  readonly nowMs: number;
}

const runtimeName = 'simulated';
/** Of a container that ended at its SIGTERM. */
const terminatedExitCode = 143;

/** What a kubelet would tell of a pod in this state: the agent's own `podStatus`, over containers that nobody has. Pure. */
export function simulatedPodStatus(pod: Pod, life: PodLife, context: SimulatedPodContext): PodStatus {
  const { hostIp, nowMs } = context;
  return podStatus(pod, observedFrom(pod, life, context), { hostIps: [hostIp], runtimeName, nowMs });
}

function observedFrom(pod: Pod, life: PodLife, { podIp, restartAfterMs }: SimulatedPodContext): ObservedPod {
  if (life.state === 'pending') return nothingObserved;
  const sandbox = {
    id: pod.metadata.uid ?? '',
    attempt: 0,
    state: life.state === 'gone' || isOver(pod, life) ? ('notReady' as const) : ('ready' as const),
    createdAtMs: life.startedMs ?? life.sinceMs,
    ips: podIp === undefined ? [] : [podIp],
  };
  if (life.state === 'creating') return { ...nothingObserved, sandboxes: [sandbox], volumes: 'ready' };
  const containers = containersOf(pod).map((container) => containerFrom(container, pod, life, restartAfterMs));
  const apps = new Set(appContainersOf(pod).map(({ spec }) => spec.name));
  const isReady = life.state === 'ready';
  const probes = new Map(
    containers.map(({ id, name }) => [id, { started: true, ready: isReady || !apps.has(name) }] as const),
  );
  return { ...nothingObserved, sandboxes: [sandbox], containers, volumes: 'ready', probes };
}

function containerFrom(
  { role, spec }: PodContainer,
  pod: Pod,
  life: PodLife,
  restartAfterMs: number,
): ObservedContainer {
  const { uid = '' } = pod.metadata;
  const attempt = role === 'app' ? life.restarts : 0;
  const startedAtMs = life.startedMs ?? life.sinceMs;
  const image = spec.image ?? '';
  const common = {
    id: `${uid}-${spec.name}-${attempt}`,
    name: spec.name,
    sandboxId: uid,
    attempt,
    image,
    imageRef: image,
  };
  const times = { createdAtMs: startedAtMs, startedAtMs };
  if (role === 'init')
    return { ...common, ...times, state: 'exited', finishedAtMs: startedAtMs, exitCode: 0, backoffMs: 0 };
  const hasEnded = life.state === 'gone' || (life.state === 'exited' && (role === 'app' || isOver(pod, life)));
  if (!hasEnded) return { ...common, ...times, state: 'running', backoffMs: restartAfterMs };
  const exitCode = life.state === 'gone' ? terminatedExitCode : role === 'app' ? (life.exitCode ?? 0) : 0;
  return { ...common, ...times, state: 'exited', finishedAtMs: life.sinceMs, exitCode, backoffMs: restartAfterMs };
}
