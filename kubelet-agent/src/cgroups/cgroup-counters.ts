/** Everything that a cgroup counts, for whoever shows it under names of other platforms. cgroups v1 and v2. */
import { readFile } from 'node:fs/promises';
import { cgroupFile, type CgroupLayout } from './cgroup-layout.ts';
import { parseFlatKeyed } from './cgroup-stats.ts';

export interface CgroupCounters {
  readonly cpu: {
    /** Nanoseconds of one core, since the cgroup is there. */
    readonly totalNs: number;
    readonly userNs: number;
    readonly systemNs: number;
    /** For each core; v1 only. */
    readonly perCoreNs: readonly number[] | undefined;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNs: number;
  };
  readonly memory: {
    readonly usageBytes: number;
    /** Since the cgroup is there; undefined where the kernel does not keep it. */
    readonly maxUsageBytes: number | undefined;
    /** Undefined without a limit. */
    readonly limitBytes: number | undefined;
    /** The kernel's own names. */
    readonly stat: ReadonlyMap<string, number>;
  };
  readonly pids: { readonly current: number; readonly limit: number | undefined };
  readonly io: readonly IoCount[];
}

export interface IoCount {
  readonly major: number;
  readonly minor: number;
  readonly op: 'Read' | 'Write';
  readonly bytes: number;
  readonly requests: number;
}

/** `/proc/PID/cgroup`: where the process is, by controller; '' stands for the one tree of v2. */
export function parseProcessCgroups(text: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers, ...path] = line.split(':');
    for (const controller of controllers?.split(',') ?? []) paths.set(controller, path.join(':'));
  }
  return paths;
}

/** Of the cgroup that the process is in. Undefined when the process is gone. */
export async function readCounters(layout: CgroupLayout, pid: number): Promise<CgroupCounters | undefined> {
  const where = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => undefined);
  if (where === undefined) return undefined;
  const paths = parseProcessCgroups(where);
  const read = async (controller: string, file: string): Promise<string> => {
    const cgroup = paths.get(layout.version === 'v2' ? '' : controller);
    const path = cgroup === undefined ? undefined : cgroupFile(layout, controller, cgroup, file);
    return path ? await readFile(path, 'utf8').catch(() => '') : '';
  };
  return layout.version === 'v2' ? await readV2(read) : await readV1(read);
}

type ReadFile = (controller: string, file: string) => Promise<string>;

/** cpuacct.stat counts in hundredths of a second, whatever the kernel's own tick is. */
const nanosecondsPerTick = 10_000_000;
/** What v1 says when there is no limit: the largest number of pages. */
const unlimitedBytesMin = 2 ** 62;

export async function readV1(read: ReadFile): Promise<CgroupCounters> {
  const [usage, perCore, ticks, throttling, memory, peak, limit, stat, pids, pidsMax, bytes, requests] =
    await Promise.all([
      read('cpuacct', 'cpuacct.usage'),
      read('cpuacct', 'cpuacct.usage_percpu'),
      read('cpuacct', 'cpuacct.stat'),
      read('cpu', 'cpu.stat'),
      read('memory', 'memory.usage_in_bytes'),
      read('memory', 'memory.max_usage_in_bytes'),
      read('memory', 'memory.limit_in_bytes'),
      read('memory', 'memory.stat'),
      read('pids', 'pids.current'),
      read('pids', 'pids.max'),
      read('blkio', 'blkio.throttle.io_service_bytes'),
      read('blkio', 'blkio.throttle.io_serviced'),
    ]);
  const spent = parseFlatKeyed(ticks);
  const cpu = parseFlatKeyed(throttling);
  const limitBytes = numberOf(limit);
  return {
    cpu: {
      totalNs: Number(usage),
      userNs: (spent.get('user') ?? 0) * nanosecondsPerTick,
      systemNs: (spent.get('system') ?? 0) * nanosecondsPerTick,
      perCoreNs: perCore.trim() === '' ? undefined : perCore.trim().split(/\s+/).map(Number),
      periods: cpu.get('nr_periods') ?? 0,
      throttledPeriods: cpu.get('nr_throttled') ?? 0,
      throttledNs: cpu.get('throttled_time') ?? 0,
    },
    memory: {
      usageBytes: Number(memory),
      maxUsageBytes: numberOf(peak),
      limitBytes: limitBytes !== undefined && limitBytes < unlimitedBytesMin ? limitBytes : undefined,
      stat: parseFlatKeyed(stat),
    },
    pids: { current: Number(pids), limit: numberOf(pidsMax) },
    io: parseBlkio(bytes, requests),
  };
}

export async function readV2(read: ReadFile): Promise<CgroupCounters> {
  const [cpuText, memory, peak, limit, stat, pids, pidsMax, io] = await Promise.all([
    read('cpu', 'cpu.stat'),
    read('memory', 'memory.current'),
    read('memory', 'memory.peak'),
    read('memory', 'memory.max'),
    read('memory', 'memory.stat'),
    read('pids', 'pids.current'),
    read('pids', 'pids.max'),
    read('io', 'io.stat'),
  ]);
  const cpu = parseFlatKeyed(cpuText);
  const microseconds = (name: string) => (cpu.get(name) ?? 0) * 1000;
  return {
    cpu: {
      totalNs: microseconds('usage_usec'),
      userNs: microseconds('user_usec'),
      systemNs: microseconds('system_usec'),
      perCoreNs: undefined,
      periods: cpu.get('nr_periods') ?? 0,
      throttledPeriods: cpu.get('nr_throttled') ?? 0,
      throttledNs: microseconds('throttled_usec'),
    },
    memory: {
      usageBytes: Number(memory),
      maxUsageBytes: numberOf(peak),
      limitBytes: numberOf(limit),
      stat: parseFlatKeyed(stat),
    },
    pids: { current: Number(pids), limit: numberOf(pidsMax) },
    io: io.split('\n').flatMap(parseIoStatLine),
  };
}

/** Undefined for `max` and for a file that is not there. */
function numberOf(text: string): number | undefined {
  return /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}

/** `254:0 Read 4096`, once in bytes and once in requests. */
function parseBlkio(bytesText: string, requestsText: string): IoCount[] {
  const requests = new Map(requestsText.split('\n').map((line) => [line.slice(0, line.lastIndexOf(' ')), line]));
  return bytesText.split('\n').flatMap((line) => {
    const [, major, minor, op, bytes] = /^(\d+):(\d+) (Read|Write) (\d+)$/.exec(line) ?? [];
    if (op !== 'Read' && op !== 'Write') return [];
    const count = requests
      .get(line.slice(0, line.lastIndexOf(' ')))
      ?.split(' ')
      .at(-1);
    return [{ major: Number(major), minor: Number(minor), op, bytes: Number(bytes), requests: Number(count ?? 0) }];
  });
}

/** `254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0` */
function parseIoStatLine(line: string): IoCount[] {
  const [, major, minor, rest = ''] = /^(\d+):(\d+) (.*)$/.exec(line) ?? [];
  if (major === undefined) return [];
  const values = new Map(rest.split(' ').map((pair) => pair.split('=') as [string, string | undefined]));
  const device = { major: Number(major), minor: Number(minor) };
  const count = (name: string) => Number(values.get(name) ?? 0);
  return [
    { ...device, op: 'Read', bytes: count('rbytes'), requests: count('rios') },
    { ...device, op: 'Write', bytes: count('wbytes'), requests: count('wios') },
  ];
}
