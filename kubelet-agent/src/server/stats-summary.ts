import { readFile, statfs } from 'node:fs/promises';
import { formatTime } from '@slipway/kit/clock';
import type { Clock } from '@slipway/kit/clock';
import type { ContainerStats, RuntimeService } from '../runtime/cri.ts';
import { containerNameLabel, podNameLabel, podNamespaceLabel, podUidLabel } from '../pods/pod-labels.ts';

export interface StatsDeps {
  readonly runtime: Pick<RuntimeService, 'listContainerStats'>;
  readonly clock: Clock;
  readonly nodeName: string;
  readonly dataDirectory: string;
}

interface CpuSample {
  readonly atMs: number;
  readonly nanoseconds: bigint;
  readonly nanoCores: number | undefined;
}

/** A rate over less than this says nothing; the last one is told again. */
const rateMsMin = 1000;

/** The kubelet's /stats/summary and /metrics/resource, from the cgroups' counters. */
export class StatsSummary {
  readonly #deps: StatsDeps;
  readonly #samples = new Map<string, CpuSample>();

  constructor(deps: StatsDeps) {
    this.#deps = deps;
  }

  async summary(signal: AbortSignal): Promise<object> {
    const stats = await this.#containers(signal);
    const byPod = Map.groupBy(stats, ({ attributes }) => attributes.labels[podUidLabel] ?? '');
    const node = await this.#node();
    return {
      node: { nodeName: this.#deps.nodeName, ...node },
      pods: [...byPod].map(([uid, containers]) => this.#pod(uid, containers)),
    };
  }

  /** In the text format of Prometheus, with upstream's names. */
  async resourceMetrics(signal: AbortSignal): Promise<string> {
    const stats = await this.#containers(signal);
    const { cpuNanoseconds, workingSetBytes } = await nodeUsage();
    const lines = [
      '# TYPE node_cpu_usage_seconds_total counter',
      `node_cpu_usage_seconds_total ${seconds(cpuNanoseconds)}`,
      '# TYPE node_memory_working_set_bytes gauge',
      `node_memory_working_set_bytes ${workingSetBytes}`,
      '# TYPE container_cpu_usage_seconds_total counter',
      ...stats.map(
        (each) => `container_cpu_usage_seconds_total${labelsOf(each)} ${seconds(each.cpu.usageCoreNanoSeconds)}`,
      ),
      '# TYPE container_memory_working_set_bytes gauge',
      ...stats.map((each) => `container_memory_working_set_bytes${labelsOf(each)} ${each.memory.workingSetBytes}`),
    ];
    return `${lines.join('\n')}\n`;
  }

  async #containers(signal: AbortSignal): Promise<readonly ContainerStats[]> {
    const stats = await this.#deps.runtime.listContainerStats({ state: 'CONTAINER_RUNNING' }, signal);
    const ids = new Set(stats.map(({ attributes }) => attributes.id));
    for (const id of this.#samples.keys()) if (id !== '' && !ids.has(id)) this.#samples.delete(id);
    return stats;
  }

  #pod(uid: string, containers: readonly ContainerStats[]): object {
    const labels = containers[0]?.attributes.labels ?? {};
    const shown = containers.map((stats) => ({
      name: stats.attributes.labels[containerNameLabel] ?? stats.attributes.metadata.name,
      cpu: this.#cpu(stats.attributes.id, stats.cpu.timestampMs, stats.cpu.usageCoreNanoSeconds),
      memory: memoryOf(stats.memory.timestampMs, stats.memory),
    }));
    const sum = (read: (stats: ContainerStats) => number) =>
      containers.reduce((total, stats) => total + read(stats), 0);
    const cpu = containers.reduce((total, stats) => total + stats.cpu.usageCoreNanoSeconds, 0n);
    const atMs = containers[0]?.cpu.timestampMs ?? this.#deps.clock.nowMs();
    const rates = shown.map(({ cpu: each }) => each.usageNanoCores);
    const nanoCores = rates.every((rate) => rate !== undefined) ? rates.reduce((a, b) => a + b, 0) : undefined;
    return {
      podRef: { name: labels[podNameLabel] ?? '', namespace: labels[podNamespaceLabel] ?? '', uid },
      containers: shown,
      cpu: { time: formatTime(atMs), usageNanoCores: nanoCores, usageCoreNanoSeconds: Number(cpu) },
      memory: memoryOf(atMs, {
        workingSetBytes: sum(({ memory }) => memory.workingSetBytes),
        usageBytes: sum(({ memory }) => memory.usageBytes),
        rssBytes: sum(({ memory }) => memory.rssBytes),
      }),
      process_stats: { process_count: sum(({ processCount }) => processCount) },
    };
  }

  async #node(): Promise<object> {
    const usage = await nodeUsage();
    const atMs = this.#deps.clock.nowMs();
    const disk = await statfs(this.#deps.dataDirectory).catch(() => undefined);
    const fs = disk && {
      time: formatTime(atMs),
      availableBytes: disk.bavail * disk.bsize,
      capacityBytes: disk.blocks * disk.bsize,
      usedBytes: (disk.blocks - disk.bfree) * disk.bsize,
      inodesFree: disk.ffree,
      inodes: disk.files,
    };
    return {
      cpu: this.#cpu('', atMs, usage.cpuNanoseconds),
      memory: { ...memoryOf(atMs, usage), availableBytes: usage.availableBytes },
      ...(fs ? { fs } : {}),
    };
  }

  #cpu(id: string, atMs: number, nanoseconds: bigint) {
    const before = this.#samples.get(id);
    let nanoCores = before?.nanoCores;
    if (!before || atMs - before.atMs >= rateMsMin) {
      if (before)
        nanoCores = Math.max(Math.round((Number(nanoseconds - before.nanoseconds) * 1000) / (atMs - before.atMs)), 0);
      this.#samples.set(id, { atMs, nanoseconds, nanoCores });
    }
    return { time: formatTime(atMs), usageNanoCores: nanoCores, usageCoreNanoSeconds: Number(nanoseconds) };
  }
}

function memoryOf(atMs: number, memory: { workingSetBytes: number; usageBytes: number; rssBytes: number }) {
  const { workingSetBytes, usageBytes, rssBytes } = memory;
  return { time: formatTime(atMs), workingSetBytes, usageBytes, rssBytes };
}

/** /proc/stat counts in ticks of a hundredth of a second. */
const nanosecondsPerTick = 10_000_000n;

async function nodeUsage() {
  const [stat, meminfo] = await Promise.all([readFile('/proc/stat', 'utf8'), readFile('/proc/meminfo', 'utf8')]);
  const [, user, nice, system, , , irq, softirq] = (stat.split('\n', 1)[0] ?? '').trim().split(/\s+/);
  const ticks = [user, nice, system, irq, softirq].reduce((sum, part) => sum + BigInt(part ?? 0), 0n);
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const usageBytes = kib('MemTotal') - kib('MemFree');
  return {
    cpuNanoseconds: ticks * nanosecondsPerTick,
    usageBytes,
    workingSetBytes: Math.max(usageBytes - kib('Inactive\\(file\\)'), 0),
    rssBytes: kib('AnonPages'),
    availableBytes: kib('MemAvailable'),
  };
}

function labelsOf({ attributes: { labels } }: ContainerStats): string {
  const pairs = {
    container: labels[containerNameLabel],
    namespace: labels[podNamespaceLabel],
    pod: labels[podNameLabel],
  };
  return `{${Object.entries(pairs)
    .map(([name, value]) => `${name}="${value ?? ''}"`)
    .join(',')}}`;
}

function seconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e9;
}
