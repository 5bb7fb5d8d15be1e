/**
 * The local runtime: OCI runtime, conmon, overlayfs and one set of pinned namespaces per pod. All state is on disk
 * and in the kernel; what is in memory is rebuilt from there, so a new object over the same directory goes on where another
 * one was killed, and no container notices.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { arch } from 'node:process';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Exec } from '@slipway/kit/exec';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { Spawn } from '@slipway/kit/spawn';
import { detectCgroupLayout } from '../../cgroups/cgroup-layout.ts';
import { createCgroups } from '../../cgroups/cgroups.ts';
import {
  type FilesystemUsage,
  type MeasuresWritableLayer,
  type RemovesEverything,
  RuntimeError,
  type RuntimeService,
} from '../cri.ts';
import { attachToContainer } from './attach.ts';
import { ContainerStore, containerOf, containerStatusOf, stateOf } from './container-store.ts';
import { Containers } from './containers.ts';
import { measureDirectory } from './directory-usage.ts';
import { ContainerEvents } from './events.ts';
import { runExecSync, startExec } from './exec-process.ts';
import { watchExits } from './exit-watch.ts';
import { removeEverything, removeOrphans } from './garbage.ts';
import type { ImageRootfs } from './image-rootfs.ts';
import { bootId } from './kernel/mounts.ts';
import { connectInNamespace } from './kernel/sockets.ts';
import type { LocalDeps } from './local-deps.ts';
import { shortVersion } from './oci-runtime.ts';
import { createPrograms } from './programs.ts';
import { type ContainerRecord, readRecords, type SandboxRecord } from './records.ts';
import { runtimePaths } from './runtime-paths.ts';
import type { SandboxNetwork } from './sandbox-network.ts';
import { SandboxStore } from './sandbox-store.ts';
import { Sandboxes } from './sandboxes.ts';
import { capabilitiesFromMask } from './spec/capabilities.ts';
import { containerStatsOf, sandboxStatsOf } from './stats.ts';

export interface LocalRuntimeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly exec: Exec;
  readonly spawn: Spawn;
  readonly log: Logger;
  readonly network: SandboxNetwork;
  readonly images: ImageRootfs;
}

export interface LocalRuntimeOptions {
  readonly dataDir: string;
  /** Name or path of the OCI runtime; absent = crun, else runc. */
  readonly runtime?: string;
  /** Where programs are looked for; the value of `PATH`. */
  readonly searchPath: string;
}

export interface LocalRuntime extends RuntimeService, RemovesEverything, MeasuresWritableLayer {
  /** Notices exits until aborted. Containers go on without it. */
  run(signal: AbortSignal): Promise<void>;
}

/** Reads what earlier runs left, adopts what lives and removes what is broken. */
export async function createLocalRuntime(
  deps: LocalRuntimeDeps,
  options: LocalRuntimeOptions,
  signal: AbortSignal,
): Promise<LocalRuntime> {
  const local = await prepare(deps, options);
  const containerStore = new ContainerStore(local);
  const sandboxStore = new SandboxStore(local);
  const containers = new Containers(local, containerStore);
  const sandboxes = new Sandboxes(local, sandboxStore, containers, containerStore);
  await load({ local, containerStore, sandboxStore, sandboxes }, signal);
  const runningContainer = (id: string) => {
    const entry = containerStore.get(id);
    if (stateOf(entry.record) === 'CONTAINER_RUNNING') return entry;
    throw new RuntimeError('failedPrecondition', `container ${id} does not run`);
  };
  return {
    version: async (signal) => {
      const { runtime } = await local.programs(signal);
      const runtimeVersion = shortVersion(runtime);
      return { version: 'v1', runtimeName: 'slipway', runtimeVersion, runtimeApiVersion: 'v1' };
    },
    status: (signal) => statusOf(local, signal),
    runtimeConfig: async () => ({ linux: { cgroupDriver: 'CGROUPFS' } }),

    runPodSandbox: (config, signal) => sandboxes.run(config, signal),
    stopPodSandbox: (id, signal) => sandboxes.stop(id, signal),
    removePodSandbox: (id, signal) => sandboxes.remove(id, signal),
    podSandboxStatus: async (id) => sandboxStore.toStatus(sandboxStore.get(id)),
    listPodSandboxes: async (filter) => sandboxStore.list(filter),

    createContainer: async (sandboxId, config, signal) => {
      const record = sandboxStore.get(sandboxId);
      if (sandboxStore.isReady(record)) return await containers.create(sandboxStore.entry(record), config, signal);
      throw new RuntimeError('failedPrecondition', `pod sandbox ${sandboxId} is not ready`);
    },
    startContainer: (id, signal) => containers.start(id, signal),
    stopContainer: (id, timeoutMs, signal) => containers.stop(id, timeoutMs, signal),
    removeContainer: (id, signal) => containers.remove(id, signal),
    containerStatus: async (id) => containerStatusOf(containerStore.get(id)),
    listContainers: async (filter) => containerStore.list(filter).map(containerOf),
    updateContainerResources: (id, resources, signal) => containers.updateResources(id, resources, signal),
    reopenContainerLog: (id) => containers.reopenLog(id),

    execSync: async (request, signal) => {
      runningContainer(request.containerId);
      return await runExecSync(local, request, signal);
    },
    exec: async (request, signal) => {
      runningContainer(request.containerId);
      return await startExec(local, request, signal);
    },
    attach: async (request, signal) => {
      runningContainer(request.containerId);
      return await attachToContainer(local, request, signal);
    },
    portForward: async (id, port) => {
      const { netnsPath } = sandboxStore.toStatus(sandboxStore.get(id));
      return await connectInNamespace(netnsPath, port).catch((cause) => {
        throw new RuntimeError('unavailable', `connect to port ${port} of pod sandbox ${id}: ${cause.message}`, {
          cause,
        });
      });
    },

    containerStats: (id) => containerStatsOf(local, runningContainer(id)),
    listContainerStats: (filter) =>
      Promise.all(
        containerStore.list({ ...filter, state: 'CONTAINER_RUNNING' }).map((entry) => containerStatsOf(local, entry)),
      ),
    podSandboxStats: (id) => {
      const running = containerStore.list({ podSandboxId: id, state: 'CONTAINER_RUNNING' });
      return sandboxStatsOf(local, sandboxStore.get(id), running);
    },
    writableLayerUsage: async (id): Promise<FilesystemUsage> => {
      const { upper } = local.paths.container(containerStore.get(id).record.id);
      return { timestampMs: local.clock.nowMs(), mountpoint: upper, ...(await measureDirectory(upper)) };
    },

    changes: (signal) => local.events.listen(signal),
    removeEverything: (signal) => removeEverything(local, signal),
    run: (signal) => watchExits(local, containerStore, signal),
  };
}

async function prepare(deps: LocalRuntimeDeps, options: LocalRuntimeOptions): Promise<LocalDeps> {
  const paths = runtimePaths(resolve(options.dataDir));
  const directories = [paths.ociRoot, paths.exits, paths.sockets, paths.sandboxes, paths.containers];
  await Promise.all(directories.map((path) => mkdir(path, { recursive: true, mode: 0o711 })));
  const layout = await detectCgroupLayout();
  const capabilities = capabilitiesFromMask(await ownStatus('CapBnd'));
  const mayLowerOomScore = capabilitiesFromMask(await ownStatus('CapEff')).includes('CAP_SYS_RESOURCE');
  const ownOomScoreAdj = Number(await readFile('/proc/self/oom_score_adj', 'utf8'));
  if (!mayLowerOomScore) {
    deps.log.warn(
      { lowest: ownOomScoreAdj },
      'no CAP_SYS_RESOURCE here: the OOM score of containers cannot be lowered',
    );
  }
  const boot = bootId();
  const programs = createPrograms({
    ...deps,
    searchPath: options.searchPath,
    configured: options.runtime,
    cacheFile: join(paths.root, 'oci-runtime.json'),
    trialDirectory: join(paths.root, 'trial'),
    machine: `${boot} ${await controllerTrees()}`,
  });
  return {
    ...deps,
    paths,
    programs,
    bootId: boot,
    searchPath: options.searchPath,
    cgroups: createCgroups(layout, deps.clock),
    events: new ContainerEvents(deps.clock),
    host: {
      arch,
      cgroupVersion: layout.version,
      capabilities,
      oomScoreAdjMin: mayLowerOomScore ? -1000 : ownOomScoreAdj,
    },
  };
}

/** `cpu:1 memory:4 ...`: the hierarchy of each cgroup controller, 0 = v2. */
async function controllerTrees(): Promise<string> {
  const lines = (await readFile('/proc/cgroups', 'utf8')).split('\n').slice(1);
  return lines
    .map((line) => line.split('\t').slice(0, 2).join(':'))
    .join(' ')
    .trim();
}

async function ownStatus(field: string): Promise<string> {
  const text = await readFile('/proc/self/status', 'utf8');
  return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '0';
}

async function load(
  parts: { local: LocalDeps; containerStore: ContainerStore; sandboxStore: SandboxStore; sandboxes: Sandboxes },
  signal: AbortSignal,
): Promise<void> {
  const { local, containerStore, sandboxStore, sandboxes } = parts;
  const sandboxRecords = await readRecords<SandboxRecord>(local.paths.sandboxes);
  for (const { record } of sandboxRecords) if (record && record.phase !== 'creating') sandboxStore.add(record);
  const containerRecords = await readRecords<ContainerRecord>(local.paths.containers);
  const known = containerRecords.flatMap(({ record }) => (record ? [record] : []));
  await Promise.all(
    known.map((record) => {
      const podUid = sandboxStore.find(record.podSandboxId)?.config.metadata.uid ?? '';
      return containerStore.adopt(containerStore.add(record, podUid));
    }),
  );
  await removeOrphans(local, new Set(known.map((record) => record.id)));
  for (const { record } of sandboxRecords) {
    if (record?.phase !== 'creating') continue;
    await sandboxes.removeUnfinished(record, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      // One pod's remains are no reason to keep the node down; the next start tries again.
      local.log.error({ sandbox: record.id, err: messageOf(error) }, 'cannot remove an unfinished sandbox');
    });
  }
}

async function statusOf(local: LocalDeps, signal: AbortSignal) {
  const runtimeProblem = await local.programs(signal).then(
    () => undefined,
    (error: Error) => error.message,
  );
  const networkProblem = await local.network.problem(signal);
  const condition = <T extends string>(type: T, reason: string, problem: string | undefined) => ({
    type,
    status: problem === undefined,
    reason: problem === undefined ? '' : reason,
    message: problem ?? '',
  });
  return [
    condition('RuntimeReady', 'RuntimeNotReady', runtimeProblem),
    condition('NetworkReady', 'NetworkPluginNotReady', networkProblem),
  ];
}
