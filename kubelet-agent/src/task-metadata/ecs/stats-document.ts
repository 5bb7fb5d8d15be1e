/** `/v4/ID/stats`: what Docker's API shows of a container (version 1.30 and later), and what ECS adds. Pure. */
import type { CgroupCounters, IoCount } from '../../cgroups/cgroup-counters.ts';

export interface StatsSample {
  /** Wall clock. */
  readonly atMs: number;
  readonly counters: CgroupCounters;
  /** CPU time of the whole machine. */
  readonly machineCpuNs: number;
  readonly cores: number;
  readonly memoryCapacityBytes: number;
  /** By interface, of the pod's network namespace. Undefined in the host's: those are not the task's. */
  readonly interfaces: ReadonlyMap<string, InterfaceCounters> | undefined;
}

export interface InterfaceCounters {
  readonly rx_bytes: number;
  readonly rx_packets: number;
  readonly rx_errors: number;
  readonly rx_dropped: number;
  readonly tx_bytes: number;
  readonly tx_packets: number;
  readonly tx_errors: number;
  readonly tx_dropped: number;
}

const noTime = '0001-01-01T00:00:00Z';

/** `before` is an earlier sample of the same container; clients compute rates from the two. */
export function statsDocument(
  { id, name }: { readonly id: string; readonly name: string },
  now: StatsSample,
  before: StatsSample | undefined,
): object {
  const { counters, interfaces } = now;
  const rates = before && rateOf(now, before);
  return {
    read: new Date(now.atMs).toISOString(),
    preread: before ? new Date(before.atMs).toISOString() : noTime,
    pids_stats: {
      current: counters.pids.current,
      ...(counters.pids.limit === undefined ? {} : { limit: counters.pids.limit }),
    },
    blkio_stats: ioStats(counters.io),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuStats(now),
    precpu_stats: before ? cpuStats(before) : { ...emptyCpu },
    memory_stats: memoryStats(now),
    name: `/${name}`,
    id,
    ...(interfaces ? { networks: Object.fromEntries(interfaces) } : {}),
    ...(rates ? { network_rate_stats: rates } : {}),
  };
}

const emptyCpu = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

function cpuStats({ counters: { cpu }, machineCpuNs, cores }: StatsSample): object {
  return {
    cpu_usage: {
      total_usage: cpu.totalNs,
      ...(cpu.perCoreNs ? { percpu_usage: cpu.perCoreNs } : {}),
      usage_in_kernelmode: cpu.systemNs,
      usage_in_usermode: cpu.userNs,
    },
    system_cpu_usage: machineCpuNs,
    online_cpus: cores,
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttledPeriods,
      throttled_time: cpu.throttledNs,
    },
  };
}

/** Without a limit of its own a container has the machine's memory. */
function memoryStats({ counters: { memory }, memoryCapacityBytes }: StatsSample): object {
  return {
    usage: memory.usageBytes,
    ...(memory.maxUsageBytes === undefined ? {} : { max_usage: memory.maxUsageBytes }),
    stats: Object.fromEntries(memory.stat),
    limit: Math.min(memory.limitBytes ?? memoryCapacityBytes, memoryCapacityBytes),
  };
}

function ioStats(io: readonly IoCount[]): object {
  const list = (value: (count: IoCount) => number) =>
    io.map((count) => ({ major: count.major, minor: count.minor, op: count.op, value: value(count) }));
  return {
    io_service_bytes_recursive: list(({ bytes }) => bytes),
    io_serviced_recursive: list(({ requests }) => requests),
    io_queue_recursive: [],
    io_service_time_recursive: [],
    io_wait_time_recursive: [],
    io_merged_recursive: [],
    io_time_recursive: [],
    sectors_recursive: [],
  };
}

function rateOf(now: StatsSample, before: StatsSample): object | undefined {
  if (!now.interfaces || !before.interfaces || now.atMs <= before.atMs) return undefined;
  const seconds = (now.atMs - before.atMs) / 1000;
  const total = (sample: StatsSample, name: 'rx_bytes' | 'tx_bytes') =>
    [...(sample.interfaces?.values() ?? [])].reduce((sum, counters) => sum + counters[name], 0);
  const rate = (name: 'rx_bytes' | 'tx_bytes') => Math.max(0, (total(now, name) - total(before, name)) / seconds);
  return { rx_bytes_per_sec: rate('rx_bytes'), tx_bytes_per_sec: rate('tx_bytes') };
}

/** `/proc/PID/net/dev`; the loopback is not told, as Docker does. */
export function parseInterfaces(text: string): ReadonlyMap<string, InterfaceCounters> {
  const found = new Map<string, InterfaceCounters>();
  for (const line of text.split('\n').slice(2)) {
    const [name, numbers] = line.split(':');
    if (!name || numbers === undefined || name.trim() === 'lo') continue;
    const at = numbers.trim().split(/\s+/).map(Number);
    const field = (index: number) => at[index] ?? 0;
    found.set(name.trim(), {
      rx_bytes: field(0),
      rx_packets: field(1),
      rx_errors: field(2),
      rx_dropped: field(3),
      tx_bytes: field(8),
      tx_packets: field(9),
      tx_errors: field(10),
      tx_dropped: field(11),
    });
  }
  return found;
}
