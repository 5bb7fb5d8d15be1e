import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import { UndoStack } from '@slipway/kit/undo-stack';
import { type ContainerConfig, isRuntimeError, type LinuxContainerResources, RuntimeError } from '../cri.ts';
import { createWithConmon, reopenLog } from './conmon.ts';
import { type ContainerEntry, type ContainerStore, stateOf } from './container-store.ts';
import { resolveDevices } from './devices.ts';
import { readFileInRootfs } from './files-in-rootfs.ts';
import type { ContainerImage } from './image-rootfs.ts';
import type { LocalDeps, Programs } from './local-deps.ts';
import { exitCodeOfStartError, processStartError } from './oci-errors.ts';
import { releaseInit } from './exec-fifo.ts';
import { isProcessOf } from './process-identity.ts';
import { startReaper, stopReaper } from './reaper.ts';
import { type ContainerRecord, writeRecord } from './records.ts';
import { mountRootfs, removeRootfs } from './rootfs.ts';
import type { SandboxEntry } from './sandbox-store.ts';
import { buildContainerSpec, ociResources } from './spec/container-spec.ts';
import { resolveContainerUser } from './spec/container-user.ts';
import { encodeSpec, type OciSeccomp, type OciUser } from './spec/oci-spec.ts';

/** After SIGKILL a process is gone in milliseconds, unless it hangs in the kernel. */
const killTimeoutMs = 30_000;
const killPollMs = 50;

/** The life of a container from create to remove. */
export class Containers {
  readonly #deps: LocalDeps;
  readonly #store: ContainerStore;

  constructor(deps: LocalDeps, store: ContainerStore) {
    this.#deps = deps;
    this.#store = store;
  }

  /** Everything but the process. */
  async create(sandbox: SandboxEntry, config: ContainerConfig, signal: AbortSignal): Promise<string> {
    const deps = this.#deps;
    const { name, attempt } = config.metadata;
    const isTaken = this.#store
      .inSandbox(sandbox.record.id)
      .some(({ record: { config: other } }) => other.metadata.name === name && other.metadata.attempt === attempt);
    if (isTaken) throw new RuntimeError('alreadyExists', `container ${name} attempt ${attempt} exists already`);
    const id = deps.random.bytes(32).toString('hex');
    const paths = deps.paths.container(id);
    const undo = new UndoStack();
    try {
      undo.push('image', () => deps.images.release(id));
      const image = await deps.images.hold(config.image.image, id, signal);
      mkdirSync(paths.directory, { recursive: true, mode: 0o711 });
      undo.push('root file system', () => removeRootfs(paths));
      await mountRootfs(paths, image.layers);
      const record = await this.#prepare({ id, sandbox, config, image });
      writeRecord(paths.record, record);
      const entry = this.#store.add(record, sandbox.record.config.metadata.uid);
      this.#store.emit('CONTAINER_CREATED_EVENT', entry);
      return id;
    } catch (error) {
      throw asRuntimeError(await undo.unwind(error), `create container ${name}`);
    }
  }

  async #prepare({
    id,
    sandbox,
    config,
    image,
  }: {
    id: string;
    sandbox: SandboxEntry;
    config: ContainerConfig;
    image: ContainerImage;
  }): Promise<ContainerRecord> {
    const deps = this.#deps;
    const paths = deps.paths.container(id);
    const pod = sandbox.record.config;
    const cgroup = join(pod.linux.cgroupParent, id);
    const logPath = config.logPath === '' ? '' : join(pod.logDirectory, config.logPath);
    const [user, devices, localhostSeccomp] = await Promise.all([
      resolveUser(paths.rootfs, config, image),
      resolveDevices(config.devices, config.linux.securityContext.privileged ?? false),
      readLocalhostSeccomp(config),
    ]);
    const targetPid = this.#targetPid(config);
    const spec = buildContainerSpec({
      containerId: id,
      config,
      image: image.config,
      image32Bit: image.architecture === '386' || image.architecture === 'arm',
      user,
      host: deps.host,
      rootfsPath: paths.rootfs,
      cgroupsPath: cgroup,
      hostname: sandbox.hostname,
      namespaces: { ...sandbox.namespacePaths, ...(targetPid && { pid: `/proc/${targetPid}/ns/pid` }) },
      ownPid: config.linux.securityContext.namespaceOptions.pid === 'CONTAINER',
      sandboxMounts: sandbox.mounts,
      shmPath: sandbox.shmPath,
      devices,
      ...(localhostSeccomp && { localhostSeccomp }),
      annotations: {
        'slipway.dev/pod-uid': pod.metadata.uid,
        'slipway.dev/pod': `${pod.metadata.namespace}/${pod.metadata.name}`,
        'slipway.dev/container': config.metadata.name,
      },
    });
    writeFileSync(paths.spec, encodeSpec(spec), { mode: 0o600 });
    return {
      id,
      podSandboxId: sandbox.record.id,
      config,
      imageId: image.id,
      createdAtMs: deps.clock.nowMs(),
      bootId: deps.bootId,
      cgroup,
      logPath,
      user,
      stopSignal: config.stopSignal || image.config.StopSignal || 'SIGTERM',
      startedAtMs: 0,
    };
  }

  #targetPid(config: ContainerConfig): number {
    const { pid, targetId } = config.linux.securityContext.namespaceOptions;
    if (pid !== 'TARGET' || targetId === undefined) return 0;
    const target = this.#store.get(targetId);
    if (target.pid === 0) throw new RuntimeError('failedPrecondition', `target container ${targetId} does not run`);
    return target.pid;
  }

  async start(id: string, signal: AbortSignal): Promise<void> {
    const entry = this.#store.get(id);
    const { record } = entry;
    if (stateOf(record) !== 'CONTAINER_CREATED') {
      throw new RuntimeError('failedPrecondition', `container ${id} was started already`);
    }
    const programs = await this.#deps.programs(signal);
    const { clock, log } = this.#deps;
    const beganMs = clock.monotonicMs();
    try {
      await startReaper(this.#deps, record, signal);
      entry.pid = await this.#createProcess(record, programs, signal);
      const createdMs = clock.monotonicMs();
      await this.#releaseProcess(entry, programs, signal);
      const phases = { createMs: createdMs - beganMs, releaseMs: clock.monotonicMs() - createdMs };
      log.debug({ container: id, ...phases }, 'container started');
      await this.#store.update(entry, { startedAtMs: this.#deps.clock.nowMs() });
    } catch (error) {
      const failure = asRuntimeError(error, `start container ${record.config.metadata.name}`);
      await this.#deps.cgroups.remove(record.cgroup, signal).catch(() => {});
      const exitCode = exitCodeOfStartError(failure);
      const finishedAtMs = this.#deps.clock.nowMs();
      const exit = { exitCode, reason: 'StartError', message: failure.message, finishedAtMs };
      await this.#store.recordExit(entry, exit);
      throw failure;
    }
    this.#store.emit('CONTAINER_STARTED_EVENT', entry);
    await this.#store.settle(entry); // it may have ended before its start was on record
  }

  async #createProcess(record: ContainerRecord, { runtime, conmon }: Programs, signal: AbortSignal): Promise<number> {
    const { paths, spawn, searchPath } = this.#deps;
    const own = paths.container(record.id);
    if (record.logPath !== '') mkdirSync(dirname(record.logPath), { recursive: true, mode: 0o755 });
    const { tty, stdin, stdinOnce } = record.config;
    const request = {
      conmon,
      runtime,
      ociRoot: paths.ociRoot,
      exitDir: paths.exits,
      socketDir: paths.sockets,
      containerId: record.id,
      directory: own.directory,
      pidFile: own.pidFile,
      conmonPidFile: own.conmonPidFile,
      logPath: record.logPath,
      terminal: tty,
      stdin,
      stdinOnce,
      searchPath,
    };
    return await createWithConmon(spawn, request, signal);
  }

  async #releaseProcess(entry: ContainerEntry, { runtime }: Programs, signal: AbortSignal): Promise<void> {
    const { id } = entry.record;
    const { paths, clock, exec } = this.#deps;
    const fifoPath = join(paths.ociRoot, id, 'exec.fifo');
    const isAlive = () => isProcessOf(entry.pid, id);
    if (await releaseInit({ kind: runtime.kind, fifoPath, clock, isAlive }, signal)) return;
    await exec(runtime.path, [`--root=${paths.ociRoot}`, 'start', id], { signal }).catch((error) => {
      throw processStartError('start', messageOf(error));
    });
  }

  async stop(id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const entry = this.#store.find(id);
    if (!entry || stateOf(entry.record) !== 'CONTAINER_RUNNING' || (await this.#store.settle(entry))) return;
    if (timeoutMs > 0) {
      this.#signal(entry.pid, signalNumber(entry.record.stopSignal));
      if (await this.#endsWithin(entry, timeoutMs, signal)) return;
    }
    await this.kill(entry, signal);
  }

  /** Ends all processes of a container at once and waits until the exit is on record. */
  async kill(entry: ContainerEntry, signal: AbortSignal): Promise<void> {
    if (stateOf(entry.record) !== 'CONTAINER_RUNNING') return;
    const { cgroups, clock } = this.#deps;
    const deadlineMs = clock.monotonicMs() + killTimeoutMs;
    do {
      for (const pid of await cgroups.pids(entry.record.cgroup)) this.#signal(pid, constants.signals.SIGKILL);
      if (await this.#endsWithin(entry, killPollMs, signal)) return;
      if (await this.#store.settle(entry)) return;
    } while (clock.monotonicMs() < deadlineMs);
    throw new RuntimeError('deadlineExceeded', `container ${entry.record.id} does not end after SIGKILL`);
  }

  #signal(pid: number, number: number): void {
    try {
      process.kill(pid, number);
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
  }

  async #endsWithin(entry: ContainerEntry, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const onAbort = () => reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    const cancel = this.#deps.clock.after(timeoutMs, () => resolve(false));
    try {
      return await Promise.race([promise, entry.ended.then(() => true)]);
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    const entry = this.#store.find(id);
    if (!entry) return;
    const { cgroups, paths, images } = this.#deps;
    await this.kill(entry, signal);
    await cgroups.remove(entry.record.cgroup, signal);
    await stopReaper(this.#deps, entry.record, signal);
    await this.#forgetInRuntime(id, signal);
    await removeRootfs(paths.container(id));
    const socketLink = rm(join(paths.sockets, id), { force: true });
    await Promise.all([images.release(id), this.#store.forgetExitFile(id), socketLink]);
    this.#store.delete(id);
    this.#store.emit('CONTAINER_DELETED_EVENT', entry);
  }

  /** The cgroup and the processes are gone: what `delete` of crun and runc still does is to remove their directory. */
  async #forgetInRuntime(id: string, signal: AbortSignal): Promise<void> {
    const { paths, exec, programs } = this.#deps;
    const found = await programs(signal).catch(() => undefined);
    if (found?.runtime.kind === 'other') {
      await exec(found.runtime.path, [`--root=${paths.ociRoot}`, 'delete', '--force', id], { signal }).catch(() => {});
    }
    await rm(join(paths.ociRoot, id), { recursive: true, force: true });
  }

  async updateResources(id: string, resources: LinuxContainerResources, signal: AbortSignal): Promise<void> {
    const entry = this.#store.get(id);
    const { config } = entry.record;
    if (stateOf(entry.record) === 'CONTAINER_RUNNING') {
      const { runtime } = await this.#deps.programs(signal);
      // A file: crun opens /dev/stdin by name, which is not possible when that is a socket.
      const file = join(this.#deps.paths.container(id).directory, 'resources.json');
      await writeFile(file, JSON.stringify(ociResources(resources, this.#deps.host.cgroupVersion)));
      const args = [`--root=${this.#deps.paths.ociRoot}`, 'update', '--resources', file, id];
      await this.#deps.exec(runtime.path, args, { signal }).catch((error) => {
        throw new RuntimeError('internal', `update resources of container ${id}: ${messageOf(error)}`, {
          cause: error,
        });
      });
    }
    const merged = { ...config.linux.resources, ...resources };
    await this.#store.update(entry, { config: { ...config, linux: { ...config.linux, resources: merged } } });
  }

  async reopenLog(id: string): Promise<void> {
    const entry = this.#store.get(id);
    if (stateOf(entry.record) !== 'CONTAINER_RUNNING') {
      throw new RuntimeError('failedPrecondition', `container ${id} does not run`);
    }
    await reopenLog(this.#deps.paths.container(id).control);
  }
}

async function resolveUser(rootfs: string, config: ContainerConfig, image: ContainerImage): Promise<OciUser> {
  const [passwd, group] = await Promise.all([
    readFileInRootfs(rootfs, '/etc/passwd'),
    readFileInRootfs(rootfs, '/etc/group'),
  ]);
  const imageUser = image.config.User ?? '';
  return resolveContainerUser({ securityContext: config.linux.securityContext, imageUser, passwd, group });
}

async function readLocalhostSeccomp(config: ContainerConfig): Promise<OciSeccomp | undefined> {
  const { seccomp } = config.linux.securityContext;
  if (seccomp?.profileType !== 'Localhost') return undefined;
  const path = seccomp.localhostRef ?? '';
  if (!isAbsolute(path)) throw new RuntimeError('invalidArgument', `seccomp profile ${path} is not an absolute path`);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as OciSeccomp;
  } catch (cause) {
    throw new RuntimeError('invalidArgument', `cannot load seccomp profile ${path}: ${messageOf(cause)}`, { cause });
  }
}

const realTimeSignalMin = 34;

/** Number of a signal given as `SIGTERM`, `TERM`, `15` or `SIGRTMIN+3`. */
export function signalNumber(name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  const full = name.toUpperCase().startsWith('SIG') ? name.toUpperCase() : `SIG${name.toUpperCase()}`;
  const realTime = /^SIGRTMIN(?:\+(\d+))?$/.exec(full);
  if (realTime) return realTimeSignalMin + Number(realTime[1] ?? 0);
  return constants.signals[full as keyof typeof constants.signals] ?? constants.signals.SIGTERM;
}

export function asRuntimeError(error: unknown, what: string): RuntimeError {
  if (isRuntimeError(error)) return error;
  if (error instanceof AggregateError && isRuntimeError(error.cause)) return error.cause;
  const reason = errnoOf(error) === 'ENOSPC' ? 'resourceExhausted' : 'internal';
  return new RuntimeError(reason, `${what}: ${messageOf(error)}`, { cause: error });
}
