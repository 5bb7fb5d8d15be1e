import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { hostname as hostName } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@slipway/kit/errors';
import { UndoStack } from '@slipway/kit/undo-stack';
import type { DnsConfig, PodSandboxConfig } from '../cri.ts';
import { RuntimeError } from '../cri.ts';
import type { ContainerStore } from './container-store.ts';
import { asRuntimeError, type Containers } from './containers.ts';
import { mount, mountFlags, unmount } from './kernel/mounts.ts';
import { pinNamespaces, unpinNamespaces } from './kernel/namespaces.ts';
import type { LocalDeps } from './local-deps.ts';
import { pauseOfSandbox, startPause, stopPause } from './pause-process.ts';
import type { SandboxRecord } from './records.ts';
import type { SandboxNetworkRequest } from './sandbox-network.ts';
import { pinnedKinds, type SandboxStore } from './sandbox-store.ts';

const shmBytes = 64 * 1024 * 1024;

/**
 * Every pod with a network of its own may bind low ports and ping without a capability, as containerd does: neither
 * protects anything in a namespace that holds one pod.
 */
const networkSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

export class Sandboxes {
  readonly #deps: LocalDeps;
  readonly #store: SandboxStore;
  readonly #containers: Containers;
  readonly #containerStore: ContainerStore;

  constructor(deps: LocalDeps, store: SandboxStore, containers: Containers, containerStore: ContainerStore) {
    this.#deps = deps;
    this.#store = store;
    this.#containers = containers;
    this.#containerStore = containerStore;
  }

  async run(config: PodSandboxConfig, signal: AbortSignal): Promise<string> {
    const { random, clock, bootId, paths } = this.#deps;
    const { metadata } = config;
    const isTaken = this.#store
      .all()
      .some(({ config: { metadata: other } }) => other.uid === metadata.uid && other.attempt === metadata.attempt);
    if (isTaken) throw new RuntimeError('alreadyExists', `sandbox of pod ${metadata.uid} exists already`);
    const id = random.bytes(32).toString('hex');
    const creating: SandboxRecord = {
      id,
      config,
      createdAtMs: clock.nowMs(),
      bootId,
      phase: 'creating',
      ips: [],
      pausePid: 0,
    };
    this.#store.add(creating);
    const undo = new UndoStack();
    undo.push('sandbox', () => this.#removeFiles(creating));
    try {
      mkdirSync(paths.sandbox(id).directory, { recursive: true, mode: 0o711 });
      await this.#store.update(creating);
      const made = await this.#setUp(creating, undo, signal);
      await this.#store.update({ ...creating, ...made, phase: 'ready' });
      return id;
    } catch (error) {
      const failure = await undo.unwind(error);
      this.#store.delete(id);
      throw asRuntimeError(failure, `create sandbox of pod ${metadata.namespace}/${metadata.name}`);
    }
  }

  async #setUp(record: SandboxRecord, undo: UndoStack, signal: AbortSignal) {
    const { cgroups, network } = this.#deps;
    const { config } = record;
    const { network: networkMode, pid } = config.linux.securityContext.namespaceOptions;
    undo.push('namespaces', () => this.#releaseKernel(record));
    const beganMs = this.#deps.clock.monotonicMs();
    this.#pin(record);
    const pinnedMs = this.#deps.clock.monotonicMs();
    undo.push('cgroup', () => cgroups.removeIfEmpty(config.linux.cgroupParent));
    const ownNetwork = networkMode === 'POD';
    if (ownNetwork) undo.push('network', () => network.tearDown(this.#networkRequest(record), signal));
    // All have ended before a failure is unwound, so that nothing is made behind the unwinding's back.
    const [connected, limited, written] = await Promise.allSettled([
      ownNetwork ? network.setUp(this.#networkRequest(record), signal) : { ips: [] },
      cgroups.ensure(config.linux.cgroupParent, config.linux.resources ?? {}),
      this.#writeFiles(record),
    ]);
    for (const outcome of [limited, written]) if (outcome.status === 'rejected') throw outcome.reason;
    if (connected.status === 'rejected') throw networkError(connected.reason, record);
    const { ips } = connected.value;
    const phases = { namespacesMs: pinnedMs - beganMs, networkMs: this.#deps.clock.monotonicMs() - pinnedMs };
    this.#deps.log.debug({ sandbox: record.id, ...phases }, 'sandbox connected');
    await this.#writeHosts(record, ips);
    const pausePid = pid === 'POD' ? await startPause(this.#deps, pauseOfSandbox(this.#deps, record), signal) : 0;
    return { ips, pausePid };
  }

  #pin(record: SandboxRecord): void {
    const { config } = record;
    const kinds = pinnedKinds(record);
    const sysctls = { ...(kinds.includes('net') ? networkSysctls : {}), ...config.linux.sysctls };
    pinNamespaces({
      directory: this.#deps.paths.sandbox(record.id).namespaces,
      kinds,
      hostname: config.hostname || hostName(),
      writeSysctls: () => {
        for (const [name, value] of Object.entries(sysctls)) writeSysctl(name, value);
      },
    });
  }

  #networkRequest(record: SandboxRecord): SandboxNetworkRequest {
    const { metadata, labels, annotations, portMappings } = record.config;
    const netnsPath = join(this.#deps.paths.sandbox(record.id).namespaces, 'net');
    return { sandboxId: record.id, pod: metadata, labels, annotations, netnsPath, portMappings };
  }

  async #writeFiles(record: SandboxRecord): Promise<void> {
    const paths = this.#deps.paths.sandbox(record.id);
    const { config } = record;
    const hostname = config.hostname || hostName();
    const resolvConf = config.dnsConfig
      ? formatResolvConf(config.dnsConfig)
      : await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
    writeFileSync(paths.hostname, `${hostname}\n`, { mode: 0o644 });
    writeFileSync(paths.resolvConf, resolvConf, { mode: 0o644 });
    mkdirSync(paths.shm);
    mkdirSync(config.logDirectory, { recursive: true, mode: 0o755 });
    if (config.linux.securityContext.namespaceOptions.ipc === 'NODE') return;
    const { MS_NODEV, MS_NOEXEC, MS_NOSUID } = mountFlags;
    const flags = MS_NODEV | MS_NOEXEC | MS_NOSUID;
    mount({ source: 'shm', target: paths.shm, type: 'tmpfs', flags, data: `mode=1777,size=${shmBytes}` });
  }

  async #writeHosts(record: SandboxRecord, ips: readonly string[]): Promise<void> {
    const { hosts } = this.#deps.paths.sandbox(record.id);
    const { network } = record.config.linux.securityContext.namespaceOptions;
    const text =
      network === 'NODE'
        ? await readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1\tlocalhost\n')
        : formatHosts(ips, record.config.hostname);
    writeFileSync(hosts, text, { mode: 0o644 });
  }

  /** Collects failures, so that one part that will not go does not keep the others. */
  async stop(id: string, signal: AbortSignal): Promise<void> {
    const record = this.#store.find(id);
    if (!record || record.phase === 'stopped') return;
    const running = this.#containerStore.inSandbox(id);
    await Promise.all(running.map((entry) => this.#containers.kill(entry, signal)));
    await this.#tearDown(record, signal);
    await this.#store.update({ ...record, phase: 'stopped', pausePid: 0 });
  }

  async #tearDown(record: SandboxRecord, signal: AbortSignal): Promise<void> {
    const ownNetwork = record.config.linux.securityContext.namespaceOptions.network === 'POD';
    const outcomes = await Promise.allSettled([
      ownNetwork ? this.#deps.network.tearDown(this.#networkRequest(record), signal) : undefined,
      record.pausePid > 0 ? stopPause(this.#deps, pauseOfSandbox(this.#deps, record), signal) : undefined,
    ]);
    const released = await Promise.allSettled([this.#releaseKernel(record)]);
    const failures = [...outcomes, ...released].filter((outcome) => outcome.status === 'rejected');
    if (failures.length === 0) return;
    const texts = failures.map((failure) => messageOf(failure.reason)).join('; ');
    throw new RuntimeError('internal', `stop sandbox ${record.id}: ${texts}`, { cause: failures[0]?.reason });
  }

  async #releaseKernel(record: SandboxRecord): Promise<void> {
    const paths = this.#deps.paths.sandbox(record.id);
    await Promise.all([unpinNamespaces(paths.namespaces), unmount(paths.shm)]);
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    const record = this.#store.find(id);
    if (!record) return;
    await this.stop(id, signal);
    const containers = this.#containerStore.inSandbox(id);
    await Promise.all(containers.map((entry) => this.#containers.remove(entry.record.id, signal)));
    await this.#deps.cgroups.removeIfEmpty(record.config.linux.cgroupParent);
    await this.#removeFiles(record);
    this.#store.delete(id);
  }

  /** Takes away what a crash left of a sandbox that was being made. */
  async removeUnfinished(record: SandboxRecord, signal: AbortSignal): Promise<void> {
    await this.#tearDown(record, signal);
    await this.#deps.cgroups.removeIfEmpty(record.config.linux.cgroupParent);
    await this.#removeFiles(record);
  }

  async #removeFiles(record: SandboxRecord): Promise<void> {
    await rm(this.#deps.paths.sandbox(record.id).directory, { recursive: true, force: true });
  }
}

function networkError(cause: unknown, { config: { metadata } }: SandboxRecord): RuntimeError {
  const pod = `${metadata.namespace}/${metadata.name}`;
  return new RuntimeError('internal', `set up network of pod ${pod}: ${messageOf(cause)}`, { cause });
}

function writeSysctl(name: string, value: string): void {
  // In the name a slash stands for a dot that is part of a name, such as that of an interface.
  const path = name.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));
  if (path.split('/').includes('..')) throw new RuntimeError('invalidArgument', `invalid sysctl ${name}`);
  try {
    writeFileSync(join('/proc/sys', path), value);
  } catch (cause) {
    throw new RuntimeError('invalidArgument', `set sysctl ${name}: ${messageOf(cause)}`, { cause });
  }
}

export function formatResolvConf({ servers, searches, options }: DnsConfig): string {
  return [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

function formatHosts(ips: readonly string[], hostname: string): string {
  return [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...ips.map((ip) => `${ip}\t${hostname}`),
    '',
  ].join('\n');
}
