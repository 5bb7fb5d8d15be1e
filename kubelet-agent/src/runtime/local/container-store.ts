import { constants, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { messageOf } from '@slipway/kit/errors';
import type { Container, ContainerFilter, ContainerState, ContainerStatus, Labels } from '../cri.ts';
import { RuntimeError } from '../cri.ts';
import type { LocalDeps } from './local-deps.ts';
import { isConmonOf, isProcessOf, readPidFile } from './process-identity.ts';
import { stopReaper } from './reaper.ts';
import { type ContainerExit, type ContainerRecord, writeEndRecord, writeRecord } from './records.ts';

/** A container as the runtime knows it in memory: its record, and what was last seen of its process. */
export interface ContainerEntry {
  record: ContainerRecord;
  readonly podUid: string;
  /** 0 = no process. */
  pid: number;
  /** Resolves when the exit is on record. */
  readonly ended: Promise<void>;
  readonly markEnded: () => void;
  /** So that an exit is put on record once, however many notice it. */
  settling: Promise<boolean> | undefined;
}

/** What an exit is called that nobody saw: conmon was killed too, or the machine was started anew. */
const unseenExit = {
  exitCode: 137,
  reason: 'ContainerStatusUnknown',
  message: 'the end of the container was not seen',
};

/** All containers of this runtime by id. Only this class writes `exit` into a record. */
export class ContainerStore {
  readonly #deps: LocalDeps;
  readonly #entries = new Map<string, ContainerEntry>();

  constructor(deps: LocalDeps) {
    this.#deps = deps;
  }

  add(record: ContainerRecord, podUid: string): ContainerEntry {
    const { promise, resolve } = Promise.withResolvers<void>();
    const entry = { record, podUid, pid: 0, ended: promise, markEnded: resolve, settling: undefined };
    if (record.exit) resolve();
    this.#entries.set(record.id, entry);
    return entry;
  }

  delete(id: string): void {
    this.#entries.delete(id);
  }

  find(id: string): ContainerEntry | undefined {
    return this.#entries.get(id);
  }

  get(id: string): ContainerEntry {
    const entry = this.#entries.get(id);
    if (!entry) throw new RuntimeError('notFound', `no container ${id}`);
    return entry;
  }

  inSandbox(podSandboxId: string): ContainerEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.record.podSandboxId === podSandboxId);
  }

  all(): ContainerEntry[] {
    return [...this.#entries.values()];
  }

  running(): ContainerEntry[] {
    return this.all().filter((entry) => stateOf(entry.record) === 'CONTAINER_RUNNING');
  }

  list(filter: ContainerFilter): ContainerEntry[] {
    return this.all().filter(
      ({ record }) =>
        (filter.id === undefined || record.id === filter.id) &&
        (filter.podSandboxId === undefined || record.podSandboxId === filter.podSandboxId) &&
        (filter.state === undefined || stateOf(record) === filter.state) &&
        matchesLabels(record.config.labels, filter.labelSelector),
    );
  }

  /** Writes the record first: memory never knows more than the disk, but for an end on a full one. */
  async update(entry: ContainerEntry, change: Partial<ContainerRecord>): Promise<void> {
    const record = { ...entry.record, ...change };
    writeRecord(this.#deps.paths.container(record.id).record, record);
    entry.record = record;
  }

  /** Finds what became of a container of an earlier run of the agent. */
  async adopt(entry: ContainerEntry): Promise<void> {
    const { record } = entry;
    if (record.exit) return;
    const paths = this.#deps.paths.container(record.id);
    if (record.bootId !== this.#deps.bootId) {
      if (record.startedAtMs > 0)
        await this.recordExit(entry, { ...unseenExit, finishedAtMs: this.#deps.clock.nowMs() });
      return;
    }
    const pid = await readPidFile(paths.pidFile);
    if (pid === 0) return; // created, never started
    entry.pid = pid;
    if (record.startedAtMs === 0) {
      if (await this.#waitsForStart(record.id)) return await this.#abandonStart(entry);
      const started = await stat(paths.pidFile);
      await this.update(entry, { startedAtMs: Math.round(started.mtimeMs) });
    }
    await this.settle(entry);
  }

  /** The agent was killed in the middle of a start: the container's init is there and waits to execute the program. */
  async #waitsForStart(id: string): Promise<boolean> {
    const fifo = join(this.#deps.paths.ociRoot, id, 'exec.fifo');
    return await stat(fifo).then(
      () => true,
      () => false,
    );
  }

  async #abandonStart(entry: ContainerEntry): Promise<void> {
    await this.#deps.cgroups.remove(entry.record.cgroup, neverAborted);
    const message = 'the node agent was stopped while it started the container';
    const finishedAtMs = this.#deps.clock.nowMs();
    await this.recordExit(entry, { exitCode: 128, reason: 'StartError', message, finishedAtMs });
  }

  /** Puts the exit on record if the container has ended. True when it has. */
  async settle(entry: ContainerEntry): Promise<boolean> {
    entry.settling ??= this.#settle(entry).finally(() => {
      entry.settling = undefined;
    });
    return await entry.settling;
  }

  async #settle(entry: ContainerEntry): Promise<boolean> {
    const { id, startedAtMs, exit } = entry.record;
    if (exit) return true;
    if (startedAtMs === 0) return false;
    const seen = await this.#readExitFile(entry);
    if (seen) {
      await this.recordExit(entry, seen);
      return true;
    }
    if (await isProcessOf(entry.pid, id)) return false;
    const conmonPid = await readPidFile(this.#deps.paths.container(id).conmonPidFile);
    if (await isConmonOf(conmonPid, id)) return false; // it is about to write the file
    const late = await this.#readExitFile(entry);
    await this.recordExit(entry, late ?? { ...unseenExit, finishedAtMs: this.#deps.clock.nowMs() });
    return true;
  }

  async #readExitFile(entry: ContainerEntry): Promise<ContainerExit | undefined> {
    const path = this.#deps.paths.exitFile(entry.record.id);
    const file = await open(path, constants.O_RDONLY).catch(() => undefined);
    if (!file) return undefined;
    try {
      const [text, { mtimeMs }] = await Promise.all([file.readFile('utf8'), file.stat()]);
      const exitCode = Number.parseInt(text, 10);
      if (Number.isNaN(exitCode)) return undefined;
      const wasOomKilled = exitCode !== 0 && (await this.#deps.cgroups.oomKills(entry.record.cgroup)) > 0;
      const reason = wasOomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error';
      return { exitCode, reason, message: '', finishedAtMs: Math.round(mtimeMs) };
    } finally {
      await file.close();
    }
  }

  async recordExit(entry: ContainerEntry, exit: ContainerExit): Promise<void> {
    // What is left of it goes with the container; its end must be told whatever becomes of that.
    await stopReaper(this.#deps, entry.record, neverAborted).catch((error: unknown) =>
      this.#deps.log.warn({ container: entry.record.id, error: messageOf(error) }, 'init process not stopped'),
    );
    const record = { ...entry.record, exit };
    writeEndRecord(this.#deps.paths.container(record.id).record, record);
    entry.record = record;
    entry.pid = 0;
    entry.markEnded();
    this.emit('CONTAINER_STOPPED_EVENT', entry);
  }

  emit(type: Parameters<LocalDeps['events']['emit']>[0], entry: ContainerEntry): void {
    const { id, podSandboxId } = entry.record;
    this.#deps.events.emit(type, { id, podSandboxId, podUid: entry.podUid });
  }

  async forgetExitFile(id: string): Promise<void> {
    await rm(this.#deps.paths.exitFile(id), { force: true });
  }
}

export function stateOf(record: ContainerRecord): ContainerState {
  if (record.exit) return 'CONTAINER_EXITED';
  return record.startedAtMs > 0 ? 'CONTAINER_RUNNING' : 'CONTAINER_CREATED';
}

export function containerOf({ record }: ContainerEntry): Container {
  const { id, podSandboxId, config, imageId, createdAtMs } = record;
  return {
    id,
    podSandboxId,
    metadata: config.metadata,
    image: config.image,
    imageRef: imageId,
    state: stateOf(record),
    createdAtMs,
    labels: config.labels,
    annotations: config.annotations,
  };
}

export function containerStatusOf(entry: ContainerEntry): ContainerStatus {
  const { config, startedAtMs, exit, logPath, user } = entry.record;
  return {
    ...containerOf(entry),
    startedAtMs,
    finishedAtMs: exit?.finishedAtMs ?? 0,
    exitCode: exit?.exitCode ?? 0,
    reason: exit?.reason ?? '',
    message: exit?.message ?? '',
    mounts: config.mounts,
    logPath,
    pid: entry.pid,
    resources: { linux: config.linux.resources },
    user: { linux: { uid: user.uid, gid: user.gid, supplementalGroups: user.additionalGids ?? [] } },
  };
}

export function matchesLabels(labels: Labels, selector: Labels | undefined): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}
