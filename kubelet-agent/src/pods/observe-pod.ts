import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '@slipway/api/types';
import type { ProbeResults } from '../probes/probe-results.ts';
import type { Container, ContainerStatus, PodSandbox, RuntimeService } from '../runtime/cri.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { VolumeLayout } from '../volumes/volume-layout.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from './observed-pod.ts';
import { findContainer } from './pod-containers.ts';
import {
  backoffAnnotation,
  imageAnnotation,
  podUidLabel,
  terminationMessagePathAnnotation,
  terminationMessagePolicyAnnotation,
} from './pod-labels.ts';
import type { PodWork } from './pod-work.ts';
import { terminationMessage } from './termination-message.ts';

export interface ObserveDeps {
  readonly runtime: Pick<
    RuntimeService,
    'listPodSandboxes' | 'listContainers' | 'containerStatus' | 'podSandboxStatus'
  >;
  readonly volumes: Pick<PodVolumes, 'isOnDisk'>;
  readonly layout: VolumeLayout;
  readonly probeResults: (containerId: string) => ProbeResults | undefined;
}

/**
 * Looks at the runtime and the disk. Steps in flight are noted before the look, so that a step that ends meanwhile
 * still counts as running in this round: its result may not be in what was read.
 */
export async function observePod(work: PodWork, deps: ObserveDeps, signal: AbortSignal): Promise<ObservedPod> {
  const inFlight = new Set(work.inFlight.keys());
  const labelSelector = { [podUidLabel]: work.uid };
  const [sandboxes, containers] = await Promise.all([
    deps.runtime.listPodSandboxes({ labelSelector }, signal),
    deps.runtime.listContainers({ labelSelector }, signal),
  ]);
  const seen = await Promise.all(containers.map((container) => observeContainer(container, work, deps, signal)));
  const boxes = await Promise.all(sandboxes.map((sandbox) => observeSandbox(sandbox, work, deps, signal)));
  for (const key of work.inFlight.keys()) inFlight.add(key);
  const known = seen.filter((container) => container !== undefined);
  return {
    sandboxes: boxes
      .filter((box) => box !== undefined)
      .sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs),
    containers: known.sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs),
    volumes: work.volumesReady ? 'ready' : 'absent',
    volumesOnDisk: deps.volumes.isOnDisk(work.uid),
    filesOnDisk: filesOnDisk(work, deps.layout),
    images: work.images,
    failures: work.failures,
    probes: probesOf(known, work.pod, inFlight, deps),
    inFlight,
    ...(work.rejection ? { rejection: work.rejection } : {}),
    gone: work.gone,
  };
}

function filesOnDisk({ pod, uid }: PodWork, layout: VolumeLayout): boolean {
  const { namespace = '', name = '' } = pod.metadata;
  return existsSync(layout.podDirectory(uid)) || existsSync(layout.logDirectory({ namespace, name, uid }));
}

/** A container is not ready and not started before its postStart hook is done. */
export function isHookPending(pod: Pod, name: string, inFlight: ReadonlySet<string>): boolean {
  return inFlight.has(`startContainer:${name}`) && findContainer(pod, name)?.spec.lifecycle?.postStart !== undefined;
}

function probesOf(
  containers: readonly ObservedContainer[],
  pod: Pod,
  inFlight: ReadonlySet<string>,
  deps: ObserveDeps,
): Map<string, ProbeResults> {
  const probes = new Map<string, ProbeResults>();
  for (const { id, name, state } of containers) {
    if (state !== 'running' || isHookPending(pod, name, inFlight)) continue;
    const results = deps.probeResults(id);
    if (results) probes.set(id, results);
  }
  return probes;
}

async function observeSandbox(
  sandbox: PodSandbox,
  { sandboxIps }: PodWork,
  { runtime }: ObserveDeps,
  signal: AbortSignal,
): Promise<ObservedSandbox | undefined> {
  const { id, metadata, createdAtMs } = sandbox;
  if (sandbox.state !== 'SANDBOX_READY') {
    return { id, attempt: metadata.attempt, state: 'notReady', createdAtMs, ips: [] };
  }
  let ips = sandboxIps.get(id);
  if (!ips) {
    const status = await runtime.podSandboxStatus(id, signal).catch(() => undefined);
    if (!status) return undefined; // removed since it was listed
    const { ip, additionalIps } = status.network;
    ips = ip ? [ip, ...additionalIps] : [];
    sandboxIps.set(id, ips);
  }
  return { id, attempt: metadata.attempt, state: 'ready', createdAtMs, ips };
}

const states = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
} as const;

async function observeContainer(
  container: Container,
  work: PodWork,
  deps: ObserveDeps,
  signal: AbortSignal,
): Promise<ObservedContainer | undefined> {
  const { id, annotations } = container;
  const state = states[container.state];
  const base: ObservedContainer = {
    id,
    name: container.metadata.name,
    sandboxId: container.podSandboxId,
    attempt: container.metadata.attempt,
    state,
    createdAtMs: container.createdAtMs,
    image: annotations[imageAnnotation] ?? container.image.userSpecifiedImage ?? container.image.image,
    imageRef: container.imageRef,
    backoffMs: Number(annotations[backoffAnnotation] ?? 0),
  };
  if (state === 'created' || state === 'unknown') return base;
  const known = state === 'exited' ? work.exited.get(id) : undefined;
  if (known) return known;
  const startedAtMs = work.startedAtMs.get(id);
  if (state === 'running' && startedAtMs !== undefined) return { ...base, startedAtMs };
  const status = await deps.runtime.containerStatus(id, signal).catch(() => undefined);
  if (!status) return undefined;
  if (states[status.state] !== 'exited') {
    if (status.startedAtMs > 0) work.startedAtMs.set(id, status.startedAtMs);
    return { ...base, state: states[status.state], startedAtMs: status.startedAtMs };
  }
  const ended = await endOf(base, status, work, deps);
  work.exited.set(id, ended);
  return ended;
}

async function endOf(
  base: ObservedContainer,
  status: ContainerStatus,
  { pod, uid }: PodWork,
  { layout }: ObserveDeps,
): Promise<ObservedContainer> {
  const { annotations, exitCode } = status;
  const words = await terminationMessage({
    file: annotations[terminationMessagePathAnnotation] ? layout.terminationLog(uid, base.name, base.attempt) : '',
    policy: annotations[terminationMessagePolicyAnnotation] ?? 'File',
    logFile: status.logPath || logFile(pod.metadata, uid, base, layout),
    exitCode,
  });
  const message = [status.message, words].filter((part) => part !== '').join(': ');
  return {
    ...base,
    state: 'exited',
    startedAtMs: status.startedAtMs,
    finishedAtMs: status.finishedAtMs,
    exitCode,
    reason: status.reason,
    ...(message ? { message } : {}),
  };
}

function logFile(
  { namespace = '', name = '' }: PodWork['pod']['metadata'],
  uid: string,
  container: ObservedContainer,
  layout: VolumeLayout,
): string {
  return join(layout.logDirectory({ namespace, name, uid }), container.name, `${container.attempt}.log`);
}
