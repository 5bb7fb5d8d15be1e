/**
 * The endpoint at which containers ask about themselves, for the pods that want one. It is laid over the runtime: whatever starts a sandbox
 * opens its endpoint, whatever creates a container tells it where to ask, and the sandbox's end closes it.
 */
import type { Host } from '@slipway/cni';
import { neverAborted, raceAbort } from '@slipway/kit/abort';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { ContainerConfig, PodSandbox, PodSandboxConfig, RuntimeService } from '../runtime/cri.ts';
import type { EndpointIds } from './endpoint-ids.ts';
import type { MetadataContainer, MetadataForm, MetadataSandbox } from './metadata-form.ts';
import { MetadataServer } from './metadata-server.ts';
import { metadataAddress, type OpenEndpoint, openEndpoint } from './pod-endpoint.ts';

export interface TaskMetadataDeps {
  readonly runtime: RuntimeService;
  readonly host: Host;
  readonly form: MetadataForm;
  readonly ids: EndpointIds;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One that could not be opened is tried again this often. */
const retryMs = 10_000;
const baseUrl = `http://${metadataAddress}`;

interface Served {
  readonly sandbox: MetadataSandbox;
  /** By ID, their names. */
  readonly containers: Map<string, string>;
}

/** What listens in one network namespace. */
interface Place {
  readonly netns: string | undefined;
  readonly opening: Promise<OpenEndpoint>;
  hasFailed: boolean;
}

export class TaskMetadata {
  readonly #deps: TaskMetadataDeps;
  readonly #clusterId: string;
  readonly #server: MetadataServer;
  /** By sandbox. */
  readonly #served = new Map<string, Served>();
  /** By sandbox; all that are in the host's network share one. */
  readonly #places = new Map<string, Place>();
  /** By container that has been created and not been started. */
  readonly #sandboxOf = new Map<string, string>();

  constructor(deps: TaskMetadataDeps, { clusterId }: { readonly clusterId: string }) {
    this.#deps = deps;
    this.#clusterId = clusterId;
    this.#server = new MetadataServer(deps);
  }

  /** The runtime that the agent is to use. */
  over<T extends RuntimeService>(runtime: T): T {
    return {
      ...runtime,
      runPodSandbox: async (config: PodSandboxConfig, signal: AbortSignal) => {
        const id = await runtime.runPodSandbox(config, signal);
        if (this.#deps.form.isWantedBy(config.annotations)) await this.#serveSandbox(id, signal);
        return id;
      },
      createContainer: (sandboxId: string, config: ContainerConfig, signal: AbortSignal) =>
        this.#createContainer(runtime, { sandboxId, config }, signal),
      startContainer: async (id: string, signal: AbortSignal) => {
        const place = this.#placeOf(this.#sandboxOf.get(id) ?? '');
        this.#sandboxOf.delete(id);
        // A failure is told; the container runs without.
        if (place) await raceAbort(Promise.allSettled([place.opening]), signal);
        await runtime.startContainer(id, signal);
      },
      stopPodSandbox: (id: string, signal: AbortSignal) => {
        this.#close(id);
        return runtime.stopPodSandbox(id, signal);
      },
      removePodSandbox: (id: string, signal: AbortSignal) => {
        this.#close(id);
        return runtime.removePodSandbox(id, signal);
      },
    };
  }

  async #createContainer(
    runtime: RuntimeService,
    { sandboxId, config }: { readonly sandboxId: string; readonly config: ContainerConfig },
    signal: AbortSignal,
  ): Promise<string> {
    const served = this.#served.get(sandboxId);
    if (!served) return runtime.createContainer(sandboxId, config, signal);
    const { name } = config.metadata;
    const id = this.#deps.ids.idOf(served.sandbox.pod.uid, name);
    served.containers.set(id, name);
    const added = this.#deps.form.variables(baseUrl, id);
    const names = new Set(added.map(({ key }) => key));
    const envs = [...config.envs.filter(({ key }) => !names.has(key)), ...added];
    const containerId = await runtime.createContainer(sandboxId, { ...config, envs }, signal);
    this.#sandboxOf.set(containerId, sandboxId);
    return containerId;
  }

  /** Runs until aborted: takes over what an earlier run of the agent served, and looks after what could not be opened. */
  async run(signal: AbortSignal): Promise<void> {
    const { runtime, clock, log } = this.#deps;
    try {
      const sandboxes = await runtime.listPodSandboxes({ state: 'SANDBOX_READY' }, signal);
      await Promise.all(sandboxes.filter((each) => this.#isUnknown(each)).map(({ id }) => this.#adopt(id, signal)));
      while (!signal.aborted) {
        await clock.sleep(retryMs, signal).catch(() => {}); // the loop looks at the signal
        for (const [key, place] of this.#places) if (place.hasFailed) this.#open(key, place.netns);
      }
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'metadata endpoints are not served');
      throw error;
    } finally {
      this.#served.clear();
      for (const key of [...this.#places.keys()]) this.#closePlace(key);
    }
  }

  #isUnknown({ id, annotations }: PodSandbox): boolean {
    return !this.#served.has(id) && this.#deps.form.isWantedBy(annotations);
  }

  async #adopt(id: string, signal: AbortSignal): Promise<void> {
    const { runtime, ids } = this.#deps;
    const containers = await runtime.listContainers({ podSandboxId: id }, signal);
    const served = await this.#serveSandbox(id, signal);
    for (const { metadata } of containers) {
      served.containers.set(ids.idOf(served.sandbox.pod.uid, metadata.name), metadata.name);
    }
    await this.#placeOf(id)?.opening.catch(() => {}); // told
  }

  async #serveSandbox(id: string, signal: AbortSignal): Promise<Served> {
    const status = await this.#deps.runtime.podSandboxStatus(id, signal);
    const { namespace, name, uid } = status.metadata;
    const { annotations, createdAtMs } = status;
    const netns = status.netnsPath === '' ? undefined : status.netnsPath;
    const sandbox: MetadataSandbox = { id, pod: { namespace, name, uid }, annotations, createdAtMs, netns };
    const served: Served = { sandbox, containers: new Map() };
    this.#served.set(id, served);
    const key = placeKey(sandbox);
    if (!this.#places.has(key)) this.#open(key, netns);
    return served;
  }

  #placeOf(sandboxId: string): Place | undefined {
    const served = this.#served.get(sandboxId);
    return served && this.#places.get(placeKey(served.sandbox));
  }

  #open(key: string, netns: string | undefined): void {
    const { host, log } = this.#deps;
    const asker = { find: (id: string) => this.#find(key, id) };
    const opening = openEndpoint(
      { netns, clusterId: this.#clusterId },
      { host, onConnection: (socket) => this.#server.accept(socket, asker) },
      neverAborted,
    );
    const place: Place = { netns, opening, hasFailed: false };
    this.#places.set(key, place);
    opening.catch((error: unknown) => {
      place.hasFailed = true;
      if (this.#places.get(key) !== place) return;
      const pods = [...this.#served.values()].filter(({ sandbox }) => placeKey(sandbox) === key);
      const names = pods.map(({ sandbox: { pod } }) => `${pod.namespace}/${pod.name}`);
      log.warn({ pods: names, error: messageOf(error) }, 'no metadata endpoint, trying again');
    });
  }

  /** Only what is in the namespace of who asks. */
  #find(key: string, id: string): MetadataContainer | undefined {
    for (const { sandbox, containers } of this.#served.values()) {
      const name = placeKey(sandbox) === key ? containers.get(id) : undefined;
      if (name !== undefined) return { sandbox, name };
    }
    return undefined;
  }

  #close(sandboxId: string): void {
    const served = this.#served.get(sandboxId);
    if (!served) return;
    this.#served.delete(sandboxId);
    for (const [container, sandbox] of this.#sandboxOf) if (sandbox === sandboxId) this.#sandboxOf.delete(container);
    const key = placeKey(served.sandbox);
    const isShared = [...this.#served.values()].some(({ sandbox }) => placeKey(sandbox) === key);
    if (!isShared) this.#closePlace(key);
  }

  #closePlace(key: string): void {
    const place = this.#places.get(key);
    this.#places.delete(key);
    place?.opening.then(
      (endpoint) => endpoint.close(),
      () => {}, // told
    );
  }
}

function placeKey({ id, netns }: MetadataSandbox): string {
  return netns === undefined ? 'host' : id;
}
