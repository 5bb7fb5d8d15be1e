import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExecError } from '@slipway/kit/exec';
import { RuntimeError } from '../cri.ts';
import type { LocalDeps } from './local-deps.ts';
import { ociErrorText, processStartError } from './oci-errors.ts';
import { pauseExecutable } from './pause.ts';
import { readPidFile } from './process-identity.ts';
import type { ContainerRecord, SandboxRecord } from './records.ts';

/** A PID namespace that outlives the processes in it: of a pod, or of a container that wants somebody to reap. */
export interface PauseRequest {
  /** Under which the OCI runtime knows it. */
  readonly id: string;
  readonly bundle: string;
  readonly cgroup: string;
}

export function pauseOfSandbox(deps: Pick<LocalDeps, 'paths'>, { id, config }: SandboxRecord): PauseRequest {
  return { id, bundle: deps.paths.sandbox(id).pause, cgroup: join(config.linux.cgroupParent, id) };
}

export function pauseOfContainer(
  deps: Pick<LocalDeps, 'paths'>,
  { id, cgroup }: Pick<ContainerRecord, 'id' | 'cgroup'>,
): PauseRequest {
  return { id: `${id}-init`, bundle: deps.paths.container(id).init, cgroup: `${cgroup}-init` };
}

/** Starts the process that holds a PID namespace, being its PID 1, and returns its PID as the node sees it. */
export async function startPause(
  deps: LocalDeps,
  { id, bundle, cgroup }: PauseRequest,
  signal: AbortSignal,
): Promise<number> {
  const executable = pauseExecutable(deps.host.arch);
  if (!executable) {
    throw new RuntimeError(
      'unimplemented',
      `shared PID namespaces and init processes are not supported on ${deps.host.arch}`,
    );
  }
  const pidFile = join(bundle, 'pid');
  await mkdir(join(bundle, 'rootfs'), { recursive: true });
  await writeFile(join(bundle, 'rootfs', 'pause'), executable, { mode: 0o755 });
  await writeFile(join(bundle, 'config.json'), JSON.stringify(pauseSpec(cgroup)));
  const { runtime } = await deps.programs(signal);
  const log = join(bundle, 'log');
  const globals = [`--root=${deps.paths.ociRoot}`, '--log', log, '--log-format', 'json'];
  const args = [...globals, 'run', '--detach', '--bundle', bundle, '--pid-file', pidFile, id];
  // Without pipes: the process would inherit and hold them as long as it lives.
  const child = deps.spawn(runtime.path, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw processStartError('run', await readFile(log, 'utf8').catch(() => ''));
  return await readPidFile(pidFile);
}

/** Idempotent. With PID 1 all that is in the namespace goes. */
export async function stopPause(deps: LocalDeps, { id, cgroup }: PauseRequest, signal: AbortSignal): Promise<void> {
  await deps.cgroups.remove(cgroup, signal);
  const { runtime } = await deps.programs(signal);
  await deps
    .exec(runtime.path, [`--root=${deps.paths.ociRoot}`, 'delete', '--force', id], { signal })
    .catch((error: unknown) => {
      const text = error instanceof ExecError ? ociErrorText(error.stderr) : String(error);
      if (!/does not exist|no such/i.test(text)) throw error;
    });
}

function pauseSpec(cgroupsPath: string) {
  const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 65535, gid: 65535 },
      args: ['/pause'],
      env: [],
      cwd: '/',
      capabilities: none,
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    ],
    linux: {
      cgroupsPath,
      resources: { devices: [{ allow: false, access: 'rwm' }] },
      namespaces: [{ type: 'mount' }, { type: 'pid' }],
    },
  };
}
