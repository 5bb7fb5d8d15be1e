import { parseQuantity, quantityMilliValue, quantityValue } from '@slipway/api/quantity';
import type { Container, Pod } from '@slipway/api/types';
import type { LinuxContainerResources } from '../runtime/cri.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const cpuPeriodUs = 100_000;
const cpuQuotaUsMin = 1_000;
const cpuSharesMin = 2;
const cpuSharesMax = 262_144;

function milliCpu(text: string | undefined): number {
  return text === undefined ? 0 : Number(quantityMilliValue(parseQuantity(text)));
}

function bytes(text: string | undefined): number {
  return text === undefined ? 0 : Number(quantityValue(parseQuantity(text)));
}

/**
 * A container that runs out of memory ends as a whole, so that its restart policy counts. Only cgroup v2 knows this;
 * elsewhere the kernel takes one process and the others go on.
 */
const oomTogether = { 'memory.oom.group': '1' } as const;

/** Kernel weights and limits from requests and limits, by upstream's formulas. Pure. */
export function containerResources(
  container: Container,
  pod: Pod,
  memoryCapacityBytes: number,
): LinuxContainerResources {
  const { limits = {}, requests = {} } = container.resources ?? {};
  const cpuLimit = milliCpu(limits.cpu);
  const cpuRequest = requests.cpu === undefined && cpuLimit > 0 ? cpuLimit : milliCpu(requests.cpu);
  const memoryLimit = bytes(limits.memory);
  return {
    cpuPeriod: cpuPeriodUs,
    ...(cpuLimit > 0 ? { cpuQuota: cpuQuotaUs(cpuLimit) } : {}),
    cpuShares: cpuShares(cpuRequest),
    ...(memoryLimit > 0 ? { memoryLimitInBytes: memoryLimit, memorySwapLimitInBytes: memoryLimit } : {}),
    oomScoreAdj: oomScoreAdj(qosClassOf(pod), bytes(requests.memory ?? limits.memory), memoryCapacityBytes),
    unified: oomTogether,
  };
}

export interface PodResources {
  readonly cpuShares: number;
  /** Absent unless every container has a limit, or the pod itself. */
  readonly cpuQuota?: number;
  readonly cpuPeriod: number;
  readonly memoryLimitInBytes?: number;
}

/** What the pod's own cgroup gets: its own resources (`spec.resources`); else sums of containers, or the largest init container where that is more. */
export function podResources(pod: Pod): PodResources {
  const totals = podRequestTotals(pod);
  const { containers } = pod.spec;
  const restartable = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const bounded = (resource: string) =>
    [...containers, ...restartable].every(({ resources }) => resources?.limits?.[resource] !== undefined);
  const limit = (read: (container: Container) => number) => podTotal(pod, read);
  const whole = pod.spec.resources?.limits ?? {};
  const cpuLimit = whole.cpu ? milliCpu(whole.cpu) : limit(({ resources }) => milliCpu(resources?.limits?.cpu));
  const memoryLimit = whole.memory ? bytes(whole.memory) : limit(({ resources }) => bytes(resources?.limits?.memory));
  const hasLimit = (resource: string) => whole[resource] !== undefined || bounded(resource);
  return {
    cpuShares: cpuShares(totals.cpuMilli),
    cpuPeriod: cpuPeriodUs,
    ...(hasLimit('cpu') && cpuLimit > 0 ? { cpuQuota: cpuQuotaUs(cpuLimit) } : {}),
    ...(hasLimit('memory') && memoryLimit > 0 ? { memoryLimitInBytes: memoryLimit } : {}),
  };
}

/** What the pod counts for on its node. */
export function podRequestTotals(pod: Pod): { readonly cpuMilli: number; readonly memoryBytes: number } {
  const { overhead = {}, resources: whole } = pod.spec;
  const { cpu, memory } = whole?.requests ?? {};
  const cpuMilli = cpu ? milliCpu(cpu) : podTotal(pod, ({ resources }) => milliCpu(resources?.requests?.cpu));
  const memoryBytes = memory ? bytes(memory) : podTotal(pod, ({ resources }) => bytes(resources?.requests?.memory));
  return { cpuMilli: cpuMilli + milliCpu(overhead.cpu), memoryBytes: memoryBytes + bytes(overhead.memory) };
}

/** Containers and sidecars run together; an init container runs beside the sidecars before it. */
function podTotal(pod: Pod, read: (container: Container) => number): number {
  let sidecars = 0;
  let peak = 0;
  for (const container of pod.spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') sidecars += read(container);
    else peak = Math.max(peak, sidecars + read(container));
  }
  const steady = pod.spec.containers.reduce((sum, container) => sum + read(container), sidecars);
  return Math.max(steady, peak, sidecars);
}

export function qosClassOf(pod: Pod): QosClass {
  const told = pod.status?.qosClass;
  if (told === 'Guaranteed' || told === 'Burstable' || told === 'BestEffort') return told;
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const names = ['cpu', 'memory'];
  const guaranteed = all.every(({ resources }) =>
    names.every((name) => {
      const limit = resources?.limits?.[name];
      return limit !== undefined && (resources?.requests?.[name] ?? limit) === limit;
    }),
  );
  if (guaranteed) return 'Guaranteed';
  const any = all.some(({ resources }) =>
    names.some((name) => (resources?.limits?.[name] ?? resources?.requests?.[name]) !== undefined),
  );
  return any ? 'Burstable' : 'BestEffort';
}

function cpuShares(milli: number): number {
  return Math.min(Math.max(Math.floor((milli * 1024) / 1000), cpuSharesMin), cpuSharesMax);
}

function cpuQuotaUs(milli: number): number {
  return Math.max(Math.floor((milli * cpuPeriodUs) / 1000), cpuQuotaUsMin);
}

const oomGuaranteed = -997;
const oomBestEffort = 1000;

function oomScoreAdj(qos: QosClass, memoryRequest: number, memoryCapacity: number): number {
  if (qos === 'Guaranteed') return oomGuaranteed;
  if (qos === 'BestEffort') return oomBestEffort;
  const score = 1000 - Math.floor((1000 * memoryRequest) / Math.max(memoryCapacity, 1));
  return Math.min(Math.max(score, 1000 + oomGuaranteed), oomBestEffort - 1);
}
