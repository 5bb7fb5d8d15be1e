/** What a cluster may leave behind on a machine, as text that can be compared before and after. */
import { readdir, readFile } from 'node:fs/promises';
import { run } from './kubectl.ts';

export interface MachineState {
  readonly links: readonly string[];
  readonly namespaces: readonly string[];
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

/** Processes are those of the data directory: other clusters may come and go meanwhile. */
export async function machineState(dataDir: string): Promise<MachineState> {
  const links = (await output('ip', '-o', 'link')).map((line) => line.split(':')[1]?.trim().split('@')[0] ?? '');
  const mounts = lines(await readFile('/proc/self/mountinfo', 'utf8')).map((line) => line.split(' ')[4] ?? '');
  return {
    links: links.sort(),
    namespaces: await output(
      'sh',
      '-c',
      'ls /run/netns 2>/dev/null; grep -hoE "(net|ipc|uts):\\[[0-9]+\\]" /proc/self/mountinfo',
    ),
    mounts: mounts.sort(),
    cgroups: await cgroupFolders(),
    tables: await output('nft', 'list', 'tables'),
    routes: await output('ip', 'route', 'show', 'table', 'all'),
    sysctls: await Promise.all(
      sysctls.map(async (name) => `${name}=${(await readFile(`/proc/sys/${name}`, 'utf8').catch(() => '')).trim()}`),
    ),
    processes: await processesOf(dataDir),
  };
}

async function cgroupFolders(): Promise<string[]> {
  const found = await output(
    'sh',
    '-c',
    'find /sys/fs/cgroup -type d \\( -name "slipway*" -o -path "*kubepods*" \\) 2>/dev/null',
  );
  return found.map((path) => path.replace('/sys/fs/cgroup', ''));
}

/** Shims and runtimes; the processes of containers are their children. */
async function processesOf(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    if (command.includes(dataDir)) found.push(command.slice(0, 200));
  }
  return found.sort();
}
