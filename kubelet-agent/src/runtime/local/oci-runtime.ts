import { access, constants, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, isAbsolute, join } from 'node:path';
import { messageOf } from '@slipway/kit/errors';
import { type Exec, ExecError } from '@slipway/kit/exec';
import type { Logger } from '@slipway/kit/logger';
import { RuntimeError } from '../cri.ts';
import { ociErrorText } from './oci-errors.ts';

export interface OciRuntime {
  /** Absolute. */
  readonly path: string;
  /** What is known of crun's and runc's state directories saves two child processes per container. */
  readonly kind: 'crun' | 'runc' | 'other';
  /** First line of what `--version` prints. */
  readonly version: string;
}

/** `runc-1.1.5+ds1` of `runc version 1.1.5+ds1`: one word, for the node's status. */
export function shortVersion({ path, version }: Pick<OciRuntime, 'path' | 'version'>): string {
  return [basename(path), /\d+\.\d\S*/.exec(version)?.[0]].filter((part) => part !== undefined).join('-');
}

export interface OciRuntimeChoice {
  readonly exec: Exec;
  readonly log: Logger;
  /** `PATH` to search. */
  readonly searchPath: string;
  /** The one that was asked for; then there is no other choice. */
  readonly configured: string | undefined;
  /** File that keeps the answer as long as the machine is the same, and directory for the trial. */
  readonly cacheFile: string;
  readonly trialDirectory: string;
  /** What decides whether a runtime works and may change: the boot, and which tree each cgroup controller is in. */
  readonly machine: string;
}

/** In the order of preference: crun starts a container in about 25 ms, runc in 40. */
const candidates = ['crun', 'runc'] as const;

/** Finds the OCI runtime that works on this machine. Throws `RuntimeError` `unavailable` that says what to install. */
export async function chooseOciRuntime(choice: OciRuntimeChoice, signal: AbortSignal): Promise<OciRuntime> {
  const names: readonly string[] = choice.configured === undefined ? candidates : [choice.configured];
  const cached = await readCache(choice, names);
  if (cached) return cached;
  const failures: string[] = [];
  for (const name of names) {
    const path = await findProgram(name, choice.searchPath);
    if (!path) {
      failures.push(`${name} is not installed`);
      continue;
    }
    const failure = await tryRuntime(path, choice, signal);
    if (failure === undefined) return await remember(path, failures, choice, signal);
    failures.push(`${path} does not work on this machine: ${failure}`);
  }
  const hint =
    choice.configured === undefined ? 'install runc or crun (Debian: apt-get install runc)' : 'see --runtime';
  throw new RuntimeError('unavailable', `no OCI runtime: ${failures.join('; ')}; ${hint}`);
}

async function remember(path: string, failures: readonly string[], choice: OciRuntimeChoice, signal: AbortSignal) {
  const printed = await choice.exec(path, ['--version'], { signal });
  const version = printed.stdout.toString().split('\n')[0] ?? '';
  const runtime = { path, kind: candidates.find((name) => name === basename(path)) ?? ('other' as const), version };
  if (failures.length > 0) choice.log.warn({ runtime: path, failures }, 'fell back to another OCI runtime');
  else choice.log.info({ runtime: path, version }, 'OCI runtime chosen');
  const modifiedMs = (await stat(path)).mtimeMs;
  await writeFile(choice.cacheFile, JSON.stringify({ ...runtime, machine: choice.machine, modifiedMs }));
  return runtime;
}

async function readCache(choice: OciRuntimeChoice, names: readonly string[]): Promise<OciRuntime | undefined> {
  try {
    const cached = JSON.parse(await readFile(choice.cacheFile, 'utf8'));
    const isWanted = names.some((name) => (isAbsolute(name) ? name === cached.path : name === basename(cached.path)));
    const unchanged = cached.machine === choice.machine && (await stat(cached.path)).mtimeMs === cached.modifiedMs;
    return isWanted && unchanged ? { path: cached.path, kind: cached.kind, version: cached.version } : undefined;
  } catch {
    return undefined; // never written, or the program went away: find out again
  }
}

/** A container without a program gets as far as looking for it only where cgroups, mounts and namespaces work. */
async function tryRuntime(path: string, choice: OciRuntimeChoice, signal: AbortSignal): Promise<string | undefined> {
  const id = `slipway-trial-${process.pid}`;
  const bundle = choice.trialDirectory;
  await mkdir(join(bundle, 'rootfs'), { recursive: true });
  await writeFile(join(bundle, 'config.json'), JSON.stringify(trialSpec(id)));
  const root = `--root=${join(bundle, 'state')}`;
  try {
    await choice.exec(path, [root, 'create', '--bundle', bundle, id], { signal, input: '' });
    return undefined;
  } catch (error) {
    if (!(error instanceof ExecError)) throw error;
    const text = error.stderr ? ociErrorText(error.stderr) : messageOf(error);
    return /not found|no such file/i.test(text) && text.includes('slipway-trial') ? undefined : text;
  } finally {
    await choice.exec(path, [root, 'delete', '--force', id], { signal }).catch(() => {});
    await rm(bundle, { recursive: true, force: true });
  }
}

function trialSpec(id: string) {
  return {
    ociVersion: '1.0.2',
    process: { user: { uid: 0, gid: 0 }, args: ['slipway-trial'], env: ['PATH=/bin'], cwd: '/' },
    root: { path: 'rootfs' },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
    ],
    linux: {
      cgroupsPath: `/slipway/${id}`,
      resources: { devices: [{ allow: false, access: 'rwm' }], pids: { limit: 100 } },
      namespaces: [{ type: 'mount' }, { type: 'pid' }],
    },
  };
}

/** Absolute path of a program, undefined when it is not there. */
export async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  const places = name.includes('/') ? [name] : searchPath.split(':').map((directory) => join(directory, name));
  for (const place of places) {
    const isThere = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return place;
  }
  return undefined;
}
