import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isStatus } from '@slipway/api/status-error';
import type { Pod } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { messageOf } from '@slipway/kit/errors';
import { invariant } from '@slipway/kit/invariant';
import { networkRequests } from '../network/attachments/network-selection.ts';
import type { PodFacts } from '../volumes/field-reference.ts';
import { podResources } from './container-resources.ts';
import { ensureImage } from './ensure-image.ts';
import { currentSandbox, type ObservedPod } from './observed-pod.ts';
import { findContainer } from './pod-containers.ts';
import { type PodDeps, tell } from './pod-deps.ts';
import type { PodStepHandlers } from './pod-steps.ts';
import type { PodWork } from './pod-work.ts';
import { podCgroup, sandboxConfig } from './sandbox-config.ts';
import { startContainer } from './start-container.ts';
import type { StatusWriter } from './status-writer.ts';
import { StepError, stepBackoff } from './step-error.ts';
import { stopContainer } from './stop-container.ts';

const deleteAgainMs = 10_000;

/** The class of a pod that the API has forgotten is unknown: its cgroup is one of three. */
function cgroupsOf(pod: Pod): string[] {
  if (pod.spec.containers.length > 0) return [podCgroup(pod)];
  return ['/kubepods', '/kubepods/burstable', '/kubepods/besteffort'].map(
    (parent) => `${parent}/pod${pod.metadata.uid}`,
  );
}

/** One step of one pod, with what was observed when it was planned. */
export interface StepContext {
  readonly work: PodWork;
  readonly pod: Pod;
  readonly observed: ObservedPod;
}

export function podFacts(pod: Pod, podIps: readonly string[], deps: Pick<PodDeps, 'node'>): PodFacts {
  const { hostIps, allocatable } = deps.node();
  return { pod, podIps: pod.spec.hostNetwork ? hostIps : podIps, hostIps, allocatable };
}

/** The only code that changes anything on behalf of a pod's plan. */
export function podStepHandlers(deps: PodDeps, statuses: Pick<StatusWriter, 'flush'>): PodStepHandlers<StepContext> {
  const client = new Client(deps.transport);
  const specOf = (pod: Pod, name: string) => {
    const found = findContainer(pod, name);
    invariant(found, `container ${name} of a planned step is not in the pod`);
    return found.spec;
  };
  const ipsOf = (observed: ObservedPod) => currentSandbox(observed)?.ips ?? [];
  return {
    setUpVolumes: async ({ work, pod }, _, signal) => {
      deps.objects.retain(pod);
      try {
        await deps.volumes.setUp(podFacts(pod, [], deps), signal);
      } catch (error) {
        signal.throwIfAborted();
        tell(deps.events, pod, { type: 'Warning', reason: 'FailedMount', message: messageOf(error) });
        throw new StepError('FailedMount', messageOf(error), { backoff: stepBackoff, cause: error });
      }
      work.volumesReady = true;
    },
    createSandbox: async ({ pod }, { attempt }, signal) => {
      const { namespace = '', name = '', uid = '', annotations = {} } = pod.metadata;
      const [unheeded] = pod.spec.hostNetwork ? networkRequests(annotations) : [];
      if (unheeded) {
        const message = `annotation ${unheeded} has no effect: the pod has the network of its node (spec.hostNetwork)`;
        tell(deps.events, pod, { type: 'Warning', reason: 'NetworksIgnored', message });
      }
      try {
        const config = sandboxConfig(pod, attempt, {
          layout: deps.layout,
          dns: deps.dns(),
          seccompRoot: deps.seccompRoot,
        });
        await Promise.all([
          mkdir(deps.layout.logDirectory({ namespace, name, uid }), { recursive: true, mode: 0o755 }),
          deps.cgroups.ensure(podCgroup(pod), podResources(pod)),
        ]);
        await deps.runtime.runPodSandbox(config, signal);
      } catch (error) {
        signal.throwIfAborted();
        const message = `Failed to create pod sandbox: ${messageOf(error)}`;
        tell(deps.events, pod, { type: 'Warning', reason: 'FailedCreatePodSandBox', message });
        throw new StepError('FailedCreatePodSandBox', message, { cause: error });
      }
    },
    ensureImage: async ({ work, pod }, { container, attempt }, signal) => {
      const image = await ensureImage(pod, specOf(pod, container), deps, signal);
      work.images.set(container, { attempt, imageRef: image.id });
    },
    startContainer: async ({ work, pod, observed }, { container, attempt, backoffMs }, signal) => {
      const sandboxId = currentSandbox(observed)?.id;
      const imageRef = work.images.get(container)?.imageRef;
      invariant(sandboxId !== undefined && imageRef !== undefined, 'a container is started after sandbox and image');
      const facts = podFacts(pod, ipsOf(observed), deps);
      await startContainer(
        { facts, container: specOf(pod, container), attempt, backoffMs, imageRef, sandboxId },
        deps,
        signal,
      );
    },
    stopContainer: ({ pod, observed }, { containerId, container: name, graceMs, message }, signal) => {
      const container = findContainer(pod, name)?.spec;
      const podIp = podFacts(pod, ipsOf(observed), deps).podIps[0] ?? '';
      return stopContainer({ pod, containerId, container, name, podIp, graceMs, message }, deps, signal);
    },
    removeContainer: (_, { containerId }, signal) => deps.runtime.removeContainer(containerId, signal),
    stopSandbox: (_, { sandboxId }, signal) => deps.runtime.stopPodSandbox(sandboxId, signal),
    removeSandbox: (_, { sandboxId }, signal) => deps.runtime.removePodSandbox(sandboxId, signal),
    tearDownVolumes: async ({ work }) => {
      await deps.volumes.tearDown(work.uid);
      work.volumesReady = false;
    },
    sweepPod: async ({ work, pod }, _, signal) => {
      const logs = (await readdir(deps.layout.logsDirectory)).filter((entry) => entry.endsWith(`_${work.uid}`));
      await Promise.all([
        ...cgroupsOf(pod).map((cgroup) => deps.cgroups.remove(cgroup, signal)),
        rm(deps.layout.podDirectory(work.uid), { recursive: true, force: true }),
        ...logs.map((entry) => rm(join(deps.layout.logsDirectory, entry), { recursive: true, force: true })),
      ]);
    },
    deletePod: async ({ work, pod }, _, signal) => {
      await statuses.flush(work.uid);
      const { namespace, name = '', resourceVersion } = pod.metadata;
      const object = { kind: 'Pod', namespace, name, uid: work.uid, ...(resourceVersion ? { resourceVersion } : {}) };
      const cause = { controller: 'kubelet', object };
      try {
        await client.delete(kinds.pods, { namespace, name }, { uid: work.uid, gracePeriodSeconds: 0, cause, signal });
      } catch (error) {
        if (!isStatus(error, 'NotFound', 'Conflict')) throw error;
      }
      // Finalizers may keep the object; its removal will be seen, and until then it is asked for now and then.
      const nowMs = deps.clock.nowMs();
      const waiting = { reason: 'Terminating', message: 'waiting for finalizers', count: 0 };
      work.failures.set('deletePod', { ...waiting, atMs: nowMs, retryAtMs: nowMs + deleteAgainMs });
    },
  };
}
