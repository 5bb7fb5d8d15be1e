import { readFile } from 'node:fs/promises';
import { cgroupFile, type CgroupLayout } from './cgroup-layout.ts';

export interface CgroupStats {
  /** Cumulative CPU time in nanoseconds. */
  readonly cpuNanoseconds: bigint;
  readonly memoryUsageBytes: number;
  /** Usage without inactive file pages. */
  readonly memoryWorkingSetBytes: number;
  readonly memoryRssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly processCount: number;
}

/** Reads what a cgroup and all below it use; a file that is missing counts as 0. */
export async function readCgroupStats(layout: CgroupLayout, cgroup: string): Promise<CgroupStats> {
  const read = async (controller: string, file: string): Promise<string> => {
    const path = cgroupFile(layout, controller, cgroup, file);
    return path ? await readFile(path, 'utf8').catch(() => '') : '';
  };
  return layout.version === 'v2' ? await readV2(read) : await readV1(read);
}

type ReadFile = (controller: string, file: string) => Promise<string>;

async function readV1(read: ReadFile): Promise<CgroupStats> {
  const [cpu, usageText, statText, pids] = await Promise.all([
    read('cpuacct', 'cpuacct.usage'),
    read('memory', 'memory.usage_in_bytes'),
    read('memory', 'memory.stat'),
    read('pids', 'pids.current'),
  ]);
  const stat = parseFlatKeyed(statText);
  const usage = Number(usageText);
  return {
    cpuNanoseconds: BigInt(cpu.trim() || 0),
    memoryUsageBytes: usage,
    memoryWorkingSetBytes: Math.max(usage - (stat.get('total_inactive_file') ?? 0), 0),
    memoryRssBytes: stat.get('total_rss') ?? 0,
    pageFaults: stat.get('total_pgfault') ?? 0,
    majorPageFaults: stat.get('total_pgmajfault') ?? 0,
    processCount: Number(pids),
  };
}

async function readV2(read: ReadFile): Promise<CgroupStats> {
  const [cpuText, usageText, statText, pids] = await Promise.all([
    read('cpu', 'cpu.stat'),
    read('memory', 'memory.current'),
    read('memory', 'memory.stat'),
    read('pids', 'pids.current'),
  ]);
  const stat = parseFlatKeyed(statText);
  const usage = Number(usageText);
  return {
    cpuNanoseconds: BigInt(parseFlatKeyed(cpuText).get('usage_usec') ?? 0) * 1000n,
    memoryUsageBytes: usage,
    memoryWorkingSetBytes: Math.max(usage - (stat.get('inactive_file') ?? 0), 0),
    memoryRssBytes: stat.get('anon') ?? 0,
    pageFaults: stat.get('pgfault') ?? 0,
    majorPageFaults: stat.get('pgmajfault') ?? 0,
    processCount: Number(pids),
  };
}

/** The kernel's "flat keyed" files: a name, a blank and a number per line. */
export function parseFlatKeyed(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    if (at > 0) values.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return values;
}
