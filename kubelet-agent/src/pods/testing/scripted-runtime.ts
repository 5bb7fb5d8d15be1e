import { AsyncQueue } from '@slipway/kit/async-queue';
import type { Clock } from '@slipway/kit/clock';
import {
  type Container,
  type ContainerConfig,
  type ContainerEvent,
  type ContainerFilter,
  type ContainerStatus,
  type Image,
  type ImageService,
  type Labels,
  type PodSandboxConfig,
  type PodSandboxStatus,
  RuntimeError,
  type RuntimeService,
} from '../../runtime/cri.ts';

interface Made {
  readonly config: ContainerConfig;
  status: ContainerStatus;
}

/**
 * A runtime without a kernel: containers are records that run until `exit` is called or they are stopped. Keeps what it
 * has across restarts of the agent, as a real one does.
 */
export class ScriptedRuntime {
  readonly sandboxes = new Map<string, { config: PodSandboxConfig; status: PodSandboxStatus }>();
  readonly containers = new Map<string, Made>();
  /** `NAME#ATTEMPT`, in the order of their starts. */
  readonly starts: string[] = [];
  readonly images = new Map<string, Image>();
  /** How long a container takes to end after it was asked to, in the clock's time. */
  stopMs = 0;
  startError: RuntimeError | undefined;
  readonly #clock: Clock;
  readonly #listeners = new Set<AsyncQueue<ContainerEvent>>();
  #ids = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  addImage(name: string, more: Partial<Image> = {}): void {
    const image = {
      id: `sha256:${name}`,
      repoTags: [name],
      repoDigests: [],
      size: 1000,
      username: '',
      pinned: false,
      ...more,
    };
    this.images.set(name, image);
    this.images.set(image.id, image);
  }

  /** The newest container of this name. */
  find(name: string): Made | undefined {
    return [...this.containers.values()].filter(({ config }) => config.metadata.name === name).at(-1);
  }

  exit(name: string, exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error'): void {
    const made = this.find(name);
    if (made) this.#end(made, exitCode, reason);
  }

  readonly service: RuntimeService = this.#service();
  readonly imageService: ImageService = this.#imageService();

  #end(made: Made, exitCode: number, reason: string): void {
    if (made.status.state !== 'CONTAINER_RUNNING') return;
    made.status = { ...made.status, state: 'CONTAINER_EXITED', exitCode, reason, finishedAtMs: this.#clock.nowMs() };
    this.#tell(made, 'CONTAINER_STOPPED_EVENT');
  }

  #tell({ status }: Made, containerEventType: ContainerEvent['containerEventType']): void {
    const podUid = this.sandboxes.get(status.podSandboxId)?.config.metadata.uid ?? '';
    const event = {
      containerEventType,
      containerId: status.id,
      podSandboxId: status.podSandboxId,
      podUid,
      createdAtMs: this.#clock.nowMs(),
    };
    for (const listener of this.#listeners) listener.push(event, () => new Error('too slow'));
  }

  #made(id: string): Made {
    const made = this.containers.get(id);
    if (!made) throw new RuntimeError('notFound', `container ${id} not found`);
    return made;
  }

  #service(): RuntimeService {
    const absent = (): never => {
      throw new RuntimeError('unimplemented', 'not scripted');
    };
    return {
      version: async () => ({ version: 'v1', runtimeName: 'scripted', runtimeVersion: '1', runtimeApiVersion: 'v1' }),
      status: async () => [
        { type: 'RuntimeReady', status: true, reason: '', message: '' },
        { type: 'NetworkReady', status: true, reason: '', message: '' },
      ],
      runtimeConfig: async () => ({ linux: { cgroupDriver: 'CGROUPFS' } }),
      runPodSandbox: async (config) => this.#runSandbox(config),
      stopPodSandbox: async (id) => this.#stopSandbox(id),
      removePodSandbox: async (id) => {
        this.#stopSandbox(id);
        this.sandboxes.delete(id);
        for (const [key, { status }] of this.containers) if (status.podSandboxId === id) this.containers.delete(key);
      },
      podSandboxStatus: async (id) => {
        const found = this.sandboxes.get(id);
        if (!found) throw new RuntimeError('notFound', `sandbox ${id} not found`);
        return found.status;
      },
      listPodSandboxes: async ({ labelSelector }) =>
        [...this.sandboxes.values()].map(({ status }) => status).filter(({ labels }) => matches(labels, labelSelector)),
      createContainer: async (sandboxId, config) => this.#create(sandboxId, config),
      startContainer: async (id) => this.#start(id),
      stopContainer: async (id, timeoutMs, signal) => {
        const made = this.containers.get(id);
        if (made?.status.state !== 'CONTAINER_RUNNING') return;
        await this.#clock.sleep(Math.min(this.stopMs, timeoutMs), signal);
        this.#end(made, this.stopMs > timeoutMs ? 137 : 143, 'Error');
      },
      removeContainer: async (id) => void this.containers.delete(id),
      containerStatus: async (id) => this.#made(id).status,
      listContainers: async (filter) => this.#list(filter),
      updateContainerResources: absent,
      reopenContainerLog: absent,
      execSync: absent,
      exec: absent,
      attach: absent,
      portForward: absent,
      containerStats: absent,
      listContainerStats: async () => [],
      podSandboxStats: absent,
      changes: (signal) => this.#changes(signal),
    };
  }

  #runSandbox(config: PodSandboxConfig): string {
    const id = `s${this.#ids++}`;
    const status: PodSandboxStatus = {
      id,
      metadata: config.metadata,
      state: 'SANDBOX_READY',
      createdAtMs: this.#clock.nowMs(),
      labels: config.labels,
      annotations: config.annotations,
      runtimeHandler: '',
      network: { ip: `10.64.0.${this.sandboxes.size + 2}`, additionalIps: [] },
      linux: { namespaces: config.linux.securityContext.namespaceOptions },
      netnsPath: `/netns/${id}`,
    };
    this.sandboxes.set(id, { config, status });
    return id;
  }

  #stopSandbox(id: string): void {
    const found = this.sandboxes.get(id);
    if (!found) return;
    for (const made of this.containers.values()) if (made.status.podSandboxId === id) this.#end(made, 137, 'Error');
    found.status = { ...found.status, state: 'SANDBOX_NOTREADY' };
  }

  #create(sandboxId: string, config: ContainerConfig): string {
    const id = `c${this.#ids++}`;
    const status: ContainerStatus = {
      id,
      podSandboxId: sandboxId,
      metadata: config.metadata,
      image: config.image,
      imageRef: config.image.image,
      state: 'CONTAINER_CREATED',
      createdAtMs: this.#clock.nowMs(),
      labels: config.labels,
      annotations: config.annotations,
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      reason: '',
      message: '',
      mounts: config.mounts,
      logPath: '',
      pid: 0,
      resources: { linux: config.linux.resources },
      user: { linux: { uid: 0, gid: 0, supplementalGroups: [] } },
    };
    this.containers.set(id, { config, status });
    return id;
  }

  #start(id: string): void {
    const made = this.#made(id);
    if (this.startError) {
      const finishedAtMs = this.#clock.nowMs();
      made.status = {
        ...made.status,
        state: 'CONTAINER_EXITED',
        exitCode: 127,
        reason: 'StartError',
        finishedAtMs,
        startedAtMs: 0,
      };
      throw this.startError;
    }
    this.starts.push(`${made.config.metadata.name}#${made.config.metadata.attempt}`);
    made.status = { ...made.status, state: 'CONTAINER_RUNNING', startedAtMs: this.#clock.nowMs(), pid: 1 };
    this.#tell(made, 'CONTAINER_STARTED_EVENT');
  }

  #list({ id, state, podSandboxId, labelSelector }: ContainerFilter): Container[] {
    return [...this.containers.values()]
      .map(({ status }) => status)
      .filter(
        (status) =>
          (!id || status.id === id) &&
          (!state || status.state === state) &&
          (!podSandboxId || status.podSandboxId === podSandboxId) &&
          matches(status.labels, labelSelector),
      );
  }

  async *#changes(signal: AbortSignal): AsyncGenerator<ContainerEvent, void, void> {
    const queue = new AsyncQueue<ContainerEvent>(1000);
    const end = () => queue.end();
    this.#listeners.add(queue);
    signal.addEventListener('abort', end, { once: true });
    try {
      yield* queue;
    } finally {
      this.#listeners.delete(queue);
    }
  }

  #imageService(): ImageService {
    return {
      listImages: async () => [...new Set(this.images.values())],
      imageStatus: async ({ image }) => this.images.get(image),
      pullImage: async ({ image }) => {
        throw new RuntimeError('imageNotFound', `${image}: not found`);
      },
      removeImage: async ({ image }) => void this.images.delete(image),
      imageFsInfo: async () => ({ imageFilesystems: [], containerFilesystems: [] }),
    };
  }
}

function matches(labels: Labels, selector: Labels | undefined): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}
