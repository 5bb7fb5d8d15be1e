import { join } from 'node:path';
import { type Mount, type PodSandbox, type PodSandboxFilter, type PodSandboxStatus, RuntimeError } from '../cri.ts';
import { matchesLabels } from './container-store.ts';
import { isPinned, type NamespaceKind } from './kernel/namespaces.ts';
import type { LocalDeps } from './local-deps.ts';
import { type SandboxRecord, writeEndRecord, writeRecord } from './records.ts';

/** A sandbox as containers see it. */
export interface SandboxEntry {
  record: SandboxRecord;
  readonly hostname: string;
  /** `pid` only when the pod shares one. */
  readonly namespacePaths: {
    readonly net?: string;
    readonly ipc?: string;
    readonly uts?: string;
    readonly pid?: string;
  };
  readonly mounts: readonly Mount[];
  readonly shmPath: string;
}

/** The namespaces that a pod has of its own. A pod in the host's network has the host's name too. */
export function pinnedKinds(record: Pick<SandboxRecord, 'config'>): NamespaceKind[] {
  const { network, ipc } = record.config.linux.securityContext.namespaceOptions;
  return [...(network === 'POD' ? (['net', 'uts'] as const) : []), ...(ipc === 'POD' ? (['ipc'] as const) : [])];
}

export class SandboxStore {
  readonly #deps: LocalDeps;
  readonly #records = new Map<string, SandboxRecord>();

  constructor(deps: LocalDeps) {
    this.#deps = deps;
  }

  add(record: SandboxRecord): void {
    this.#records.set(record.id, record);
  }

  delete(id: string): void {
    this.#records.delete(id);
  }

  find(id: string): SandboxRecord | undefined {
    return this.#records.get(id);
  }

  get(id: string): SandboxRecord {
    const record = this.#records.get(id);
    if (!record) throw new RuntimeError('notFound', `no pod sandbox ${id}`);
    return record;
  }

  all(): SandboxRecord[] {
    return [...this.#records.values()];
  }

  async update(record: SandboxRecord): Promise<void> {
    const write = record.phase === 'stopped' ? writeEndRecord : writeRecord;
    write(this.#deps.paths.sandbox(record.id).record, record);
    this.#records.set(record.id, record);
  }

  list(filter: PodSandboxFilter): PodSandbox[] {
    // The state is looked up in the kernel, so only for those that are asked for.
    return this.all()
      .filter(
        ({ id, phase, config }) =>
          phase !== 'creating' &&
          (filter.id === undefined || id === filter.id) &&
          matchesLabels(config.labels, filter.labelSelector),
      )
      .map((record) => this.toSandbox(record))
      .filter((sandbox) => filter.state === undefined || sandbox.state === filter.state);
  }

  entry(record: SandboxRecord): SandboxEntry {
    const paths = this.#deps.paths.sandbox(record.id);
    const { hostname, linux } = record.config;
    const file = (containerPath: string, hostPath: string): Mount => ({ containerPath, hostPath, readonly: false });
    const pinned = pinnedKinds(record).map((kind) => [kind, join(paths.namespaces, kind)]);
    return {
      record,
      hostname,
      namespacePaths: {
        ...Object.fromEntries(pinned),
        ...(record.pausePid > 0 && { pid: `/proc/${record.pausePid}/ns/pid` }),
      },
      mounts: [
        file('/etc/hosts', paths.hosts),
        file('/etc/hostname', paths.hostname),
        file('/etc/resolv.conf', paths.resolvConf),
      ],
      shmPath: linux.securityContext.namespaceOptions.ipc === 'NODE' ? '/dev/shm' : paths.shm,
    };
  }

  toSandbox(record: SandboxRecord): PodSandbox {
    const { metadata, labels, annotations } = record.config;
    const state = this.isReady(record) ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY';
    return {
      id: record.id,
      metadata,
      state,
      createdAtMs: record.createdAtMs,
      labels,
      annotations,
      runtimeHandler: '',
    };
  }

  toStatus(record: SandboxRecord): PodSandboxStatus {
    const [ip = '', ...additionalIps] = record.ips;
    const namespaces = record.config.linux.securityContext.namespaceOptions;
    const netnsPath = namespaces.network === 'POD' ? join(this.#deps.paths.sandbox(record.id).namespaces, 'net') : '';
    return { ...this.toSandbox(record), network: { ip, additionalIps }, linux: { namespaces }, netnsPath };
  }

  /** Reality, not the record, says whether a sandbox can still take containers. */
  isReady(record: SandboxRecord): boolean {
    if (record.phase !== 'ready' || record.bootId !== this.#deps.bootId) return false;
    const { namespaces } = this.#deps.paths.sandbox(record.id);
    return pinnedKinds(record).every((kind) => isPinned(join(namespaces, kind)));
  }
}
