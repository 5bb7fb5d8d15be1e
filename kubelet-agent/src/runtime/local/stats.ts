import { type CgroupStats, readCgroupStats } from '../../cgroups/cgroup-stats.ts';
import type { ContainerStats, CpuUsage, MemoryUsage, PodSandboxStats } from '../cri.ts';
import type { ContainerEntry } from './container-store.ts';
import type { LocalDeps } from './local-deps.ts';
import type { SandboxRecord } from './records.ts';

export async function containerStatsOf(deps: LocalDeps, { record }: ContainerEntry): Promise<ContainerStats> {
  const timestampMs = deps.clock.nowMs();
  const stats = await readCgroupStats(deps.cgroups.layout, record.cgroup);
  const { metadata, labels, annotations } = record.config;
  return {
    attributes: { id: record.id, metadata, labels, annotations },
    cpu: cpuOf(stats, timestampMs),
    memory: memoryOf(stats, timestampMs),
    processCount: stats.processCount,
  };
}

export async function sandboxStatsOf(
  deps: LocalDeps,
  record: SandboxRecord,
  running: readonly ContainerEntry[],
): Promise<PodSandboxStats> {
  const timestampMs = deps.clock.nowMs();
  const [stats, containers] = await Promise.all([
    readCgroupStats(deps.cgroups.layout, record.config.linux.cgroupParent),
    Promise.all(running.map((entry) => containerStatsOf(deps, entry))),
  ]);
  const { metadata, labels, annotations } = record.config;
  return {
    attributes: { id: record.id, metadata, labels, annotations },
    linux: {
      cpu: cpuOf(stats, timestampMs),
      memory: memoryOf(stats, timestampMs),
      process: { processCount: containers.reduce((sum, container) => sum + container.processCount, 0) },
      containers,
    },
  };
}

const cpuOf = (stats: CgroupStats, timestampMs: number): CpuUsage => ({
  timestampMs,
  usageCoreNanoSeconds: stats.cpuNanoseconds,
});

const memoryOf = (stats: CgroupStats, timestampMs: number): MemoryUsage => ({
  timestampMs,
  workingSetBytes: stats.memoryWorkingSetBytes,
  usageBytes: stats.memoryUsageBytes,
  rssBytes: stats.memoryRssBytes,
  pageFaults: stats.pageFaults,
  majorPageFaults: stats.majorPageFaults,
});
