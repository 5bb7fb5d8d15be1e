/**
 * What a cluster may leave behind on a machine, as text that can be compared before and after. Other clusters may live and
 * change meanwhile: what is known to be theirs is left out, everything else counts.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { run } from './kubectl.ts';

export interface MachineState {
  readonly links: readonly string[];
  readonly mounts: readonly string[];
  readonly cgroups: readonly string[];
  readonly tables: readonly string[];
  readonly routes: readonly string[];
  readonly sysctls: readonly string[];
  readonly processes: readonly string[];
}

const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .sort();
const output = async (program: string, ...args: string[]) => lines((await run(program, args)).stdout);

/** Host-wide settings that a node's network may change. */
const sysctls = [
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/forwarding',
  'net/ipv4/conf/all/route_localnet',
  'net/ipv4/conf/all/rp_filter',
  'net/ipv6/conf/all/forwarding',
];

/** `podUids`: the pods of this cluster; cgroups of other pods are left out. */
export async function machineState(dataDir: string, podUids: readonly string[]): Promise<MachineState> {
  const clusterId = createHash('sha256').update(dataDir).digest('hex').slice(0, 8);
  const isOurs = (text: string) => text.includes(dataDir) || text.includes(clusterId);
  const links = await output('ip', '-o', 'link');
  const mounts = lines(await readFile('/proc/self/mountinfo', 'utf8'));
  const cgroups = await output('find', '/sys/fs/cgroup', '-type', 'd', '-path', '*kubepods*');
  const others = (path: string) => /\/pod[0-9a-f-]{36}/.test(path) && !podUids.some((uid) => path.includes(uid));
  return {
    links: links.filter((line) => isOurs(line) || !/^\d+: sw/.test(line)).map(nameOfLink),
    mounts: mounts
      .map((line) => line.split(' ')[4] ?? '')
      .filter((point) => isOurs(point) || !/\/(runtime|pods|pods-memory|netns)\b/.test(point)),
    cgroups: cgroups.filter((path) => !others(path) && !/\/kubepods(\/burstable|\/besteffort)?$/.test(path)),
    tables: (await output('nft', 'list', 'tables')).filter((table) => isOurs(table) || !/slipway-/.test(table)),
    routes: (await output('ip', 'route', 'show', 'table', 'all')).filter(
      (route) => isOurs(route) || !/dev sw/.test(route),
    ),
    sysctls: await Promise.all(sysctls.map(readSysctl)),
    processes: await processesOf(dataDir),
  };
}

const nameOfLink = (line: string) => line.split(':')[1]?.trim().split('@')[0] ?? '';

async function readSysctl(name: string): Promise<string> {
  return `${name}=${(await readFile(`/proc/sys/${name}`, 'utf8').catch(() => '')).trim()}`;
}

/** Shims and what else names the data directory; the processes of containers are their children. */
async function processesOf(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    if (command.includes(dataDir)) found.push(command.slice(0, 200));
  }
  return found.sort();
}
