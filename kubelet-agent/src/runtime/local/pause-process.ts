import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExecError } from '@slipway/kit/exec';
import { RuntimeError } from '../cri.ts';
import type { LocalDeps } from './local-deps.ts';
import { ociErrorText, processStartError } from './oci-errors.ts';
import { pauseExecutable } from './pause.ts';
import { readPidFile } from './process-identity.ts';
import type { SandboxRecord } from './records.ts';

/** Starts the process that holds a pod's shared PID namespace and returns its PID. */
export async function startPause(deps: LocalDeps, record: SandboxRecord, signal: AbortSignal): Promise<number> {
  const executable = pauseExecutable(deps.host.arch);
  if (!executable) {
    throw new RuntimeError('unimplemented', `shared PID namespaces are not supported on ${deps.host.arch}`);
  }
  const bundle = deps.paths.sandbox(record.id).pause;
  const pidFile = join(bundle, 'pid');
  await mkdir(join(bundle, 'rootfs'), { recursive: true });
  await writeFile(join(bundle, 'rootfs', 'pause'), executable, { mode: 0o755 });
  await writeFile(join(bundle, 'config.json'), JSON.stringify(pauseSpec(pauseCgroup(record))));
  const { runtime } = await deps.programs(signal);
  const log = join(bundle, 'log');
  const globals = [`--root=${deps.paths.ociRoot}`, '--log', log, '--log-format', 'json'];
  const args = [...globals, 'run', '--detach', '--bundle', bundle, '--pid-file', pidFile, record.id];
  // Without pipes: the process would inherit and hold them as long as it lives.
  const child = deps.spawn(runtime.path, args, { stdio: ['ignore', 'ignore', 'ignore'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw processStartError('run', await readFile(log, 'utf8').catch(() => ''));
  return await readPidFile(pidFile);
}

export async function stopPause(deps: LocalDeps, record: SandboxRecord, signal: AbortSignal): Promise<void> {
  await deps.cgroups.remove(pauseCgroup(record), signal);
  const { runtime } = await deps.programs(signal);
  await deps
    .exec(runtime.path, [`--root=${deps.paths.ociRoot}`, 'delete', '--force', record.id], { signal })
    .catch((error: unknown) => {
      const text = error instanceof ExecError ? ociErrorText(error.stderr) : String(error);
      if (!/does not exist|no such/i.test(text)) throw error;
    });
}

const pauseCgroup = (record: SandboxRecord) => join(record.config.linux.cgroupParent, record.id);

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
