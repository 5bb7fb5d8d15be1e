/** Debian's kernel for clouds, unpacked into a cache folder and never installed. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../harness/kubectl.ts';

export interface CloudKernel {
  /** As `uname -r` says it. */
  readonly release: string;
  /** File that qemu boots. */
  readonly image: string;
  /** The folder that belongs at `/lib/modules/RELEASE`, with its indexes. */
  readonly modules: string;
}

const metaPackage = 'linux-image-cloud-amd64';
const releasePattern = /linux-image-(\d\S*-cloud-amd64)/;

/** Cached kernels of this user, one folder for each release. */
const cacheFolder = join(tmpdir(), `slipway-vm-${process.getuid?.() ?? 0}`);

/** True where the package is known here, which is so on Debian with package lists. */
export function knowsCloudKernel(): boolean {
  try {
    const printed = execFileSync('apt-cache', ['depends', metaPackage], { stdio: ['ignore', 'pipe', 'ignore'] });
    return releasePattern.test(printed.toString());
  } catch {
    return false;
  }
}

/** Downloads and unpacks the newest one; from the second call on it is only looked up. */
export async function ensureCloudKernel(): Promise<CloudKernel> {
  await mkdir(cacheFolder, { recursive: true, mode: 0o700 });
  const owner = await lstat(cacheFolder);
  if (!owner.isDirectory() || owner.uid !== process.getuid?.())
    throw new Error(`${cacheFolder} belongs to somebody else: remove it, its kernel would be booted as root`);
  const depends = await mustRun('apt-cache', ['depends', metaPackage]);
  const release = releasePattern.exec(depends)?.[1];
  if (!release) throw new Error(`${metaPackage} names no kernel: ${depends}`);
  const folder = join(cacheFolder, release);
  if (!existsSync(folder)) await unpack(release, folder);
  return { release, image: join(folder, 'boot', `vmlinuz-${release}`), modules: modulesIn(folder, release) };
}

const modulesIn = (folder: string, release: string) => join(folder, 'lib/modules', release);

async function unpack(release: string, folder: string): Promise<void> {
  const work = await mkdtemp(join(cacheFolder, 'unpack-'));
  try {
    await mustRun('sh', ['-c', `cd '${work}' && apt-get download -q linux-image-${release}`]);
    const archive = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (!archive) throw new Error(`apt-get downloaded no linux-image-${release}`);
    await mustRun('dpkg-deb', ['-x', join(work, archive), join(work, 'root')]);
    // Newer Debian keeps everything below /usr.
    if (!existsSync(join(work, 'root/lib'))) await rename(join(work, 'root/usr/lib'), join(work, 'root/lib'));
    await mustRun('busybox', ['depmod', '-b', join(work, 'root'), release]);
    // Another run may have been faster; its folder is as good as this one.
    await rename(join(work, 'root'), folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Files of the modules and of what they need, in the order to load them; names as in `lsmod`. */
export async function moduleFiles(kernel: CloudKernel, names: readonly string[]): Promise<string[]> {
  const index = await readFile(join(kernel.modules, 'modules.dep'), 'utf8');
  const needs = new Map<string, string[]>();
  for (const line of index.split('\n').filter(Boolean)) {
    const [file = '', rest = ''] = line.split(':');
    needs.set(file, rest.split(' ').filter(Boolean));
  }
  const fileOf = (name: string) => {
    const found = [...needs.keys()].find((file) => moduleName(file) === name);
    if (!found) throw new Error(`kernel ${kernel.release} has no module ${name}`);
    return found;
  };
  // What a module needs is listed with the first to load at the end.
  const ordered = names.map(fileOf).flatMap((file) => [...(needs.get(file) ?? []).toReversed(), file]);
  return [...new Set(ordered)].map((file) => join(kernel.modules, file));
}

function moduleName(file: string): string {
  return (file.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}

async function mustRun(program: string, args: readonly string[]): Promise<string> {
  const ran = await run(program, args);
  if (ran.code !== 0) throw new Error(`${program} ${args.join(' ')}: exit code ${ran.code}\n${ran.stderr}`);
  return ran.stdout;
}
