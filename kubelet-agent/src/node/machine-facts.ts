import { readdir, readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, hostname, networkInterfaces, release } from 'node:os';

/** What does not change while the machine runs. */
export interface MachineFacts {
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly hostname: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** By page size as Kubernetes names it (`2Mi`): bytes that are set aside. */
  readonly hugePages: Readonly<Record<string, number>>;
  readonly storageBytes: number;
  readonly addresses: readonly string[];
}

/** What is short or not, at this moment. */
export interface MachinePressure {
  readonly memoryAvailableBytes: number;
  readonly storageAvailableBytes: number;
  readonly storageBytes: number;
  readonly inodesFree: number;
  readonly inodes: number;
  readonly pidsAvailable: number;
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', ia32: '386', arm: 'arm' };

export async function readMachineFacts(dataDirectory: string): Promise<MachineFacts> {
  const [osRelease, machineId, uuid, bootId, meminfo, disk, hugePages] = await Promise.all([
    text('/etc/os-release'),
    text('/etc/machine-id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/proc/sys/kernel/random/boot_id'),
    text('/proc/meminfo'),
    statfs(dataDirectory),
    readHugePages(),
  ]);
  return {
    architecture: architectures[arch()] ?? arch(),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?/m.exec(osRelease)?.[1] ?? 'Linux',
    machineId: machineId.trim(),
    systemUuid: uuid.trim() || machineId.trim(),
    bootId: bootId.trim(),
    hostname: hostname(),
    cpus: availableParallelism(),
    memoryBytes: kibOf(meminfo, 'MemTotal') * 1024,
    hugePages,
    storageBytes: disk.blocks * disk.bsize,
    addresses: hostAddresses(),
  };
}

export async function readMachinePressure(dataDirectory: string): Promise<MachinePressure> {
  const [meminfo, disk, loadavg, pidMax] = await Promise.all([
    text('/proc/meminfo'),
    statfs(dataDirectory),
    text('/proc/loadavg'),
    text('/proc/sys/kernel/pid_max'),
  ]);
  const tasks = Number(/\d+\/(\d+)/.exec(loadavg)?.[1] ?? 0);
  return {
    memoryAvailableBytes: kibOf(meminfo, 'MemAvailable') * 1024,
    storageAvailableBytes: disk.bavail * disk.bsize,
    storageBytes: disk.blocks * disk.bsize,
    inodesFree: disk.ffree,
    inodes: disk.files,
    pidsAvailable: Number(pidMax.trim() || 32_768) - tasks,
  };
}

/** IPv4 before IPv6, in the order of the interfaces; our own bridges do not count. */
export function hostAddresses(): string[] {
  const all = Object.entries(networkInterfaces())
    .filter(([name]) => !name.startsWith('sw'))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const byFamily = (family: string) => all.filter((each) => each.family === family).map(({ address }) => address);
  const found = [...byFamily('IPv4'), ...byFamily('IPv6')];
  return found.length > 0 ? found : ['127.0.0.1'];
}

async function readHugePages(): Promise<Record<string, number>> {
  const root = '/sys/kernel/mm/hugepages';
  const pages: Record<string, number> = {};
  for (const name of await readdir(root).catch(() => [])) {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    if (!kib) continue;
    const count = Number(await text(`${root}/${name}/nr_hugepages`));
    pages[kib >= 1024 * 1024 ? `${kib / 1024 / 1024}Gi` : `${kib / 1024}Mi`] = count * kib * 1024;
  }
  return pages;
}

function kibOf(meminfo: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0);
}

/** Some of these files are only for root, or not there on every machine; an empty text stands for "unknown". */
async function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
