/**
 * The waist between the pod loop and whatever runs containers, in the words of CRI v1 (k8s.io/cri-api, runtime/v1):
 * message and field names are CRI's in camelCase, enum values are CRI's own strings. Two deliberate differences:
 * times are milliseconds since the epoch (0 = has not happened) with `Ms` at the end of the name, and streaming calls
 * return Node streams instead of a URL to dial.
 *
 * Calls that remove or stop are idempotent: what is not there counts as done. All other calls on something unknown throw
 * `RuntimeError` `notFound`.
 */
import type { Duplex } from 'node:stream';
import type {
  AttachRequest,
  AttachSession,
  AuthConfig,
  Container,
  ContainerConfig,
  ContainerEvent,
  ContainerFilter,
  ContainerStats,
  ContainerStatus,
  ExecRequest,
  ExecSession,
  ExecSyncResult,
  FilesystemUsage,
  Image,
  ImageSpec,
  LinuxContainerResources,
  PodSandbox,
  PodSandboxConfig,
  PodSandboxFilter,
  PodSandboxStats,
  PodSandboxStatus,
  RuntimeCondition,
  RuntimeVersion,
} from './cri-messages.ts';

export type * from './cri-messages.ts';

// --- errors ---------------------------------------------------------------------------------------------------------

export type RuntimeErrorReason =
  | 'notFound'
  | 'alreadyExists'
  | 'invalidArgument'
  /** The image is not in the store, or not in the registry. */
  | 'imageNotFound'
  /** The registry refused the credentials, or wants some. */
  | 'unauthorized'
  /** The image's bytes are not what their digest says, or not an image at all. */
  | 'imageCorrupt'
  /** The command does not exist in the image (exit code 127 by convention). */
  | 'commandNotFound'
  /** The command exists and may not be executed (exit code 126 by convention). */
  | 'commandNotExecutable'
  /** Any other failure of the OCI runtime to create or start a container. */
  | 'startFailed'
  /** A container or sandbox is in a state in which the call makes no sense. */
  | 'failedPrecondition'
  | 'deadlineExceeded'
  /** No disk space, no memory, too many of something. */
  | 'resourceExhausted'
  /** The runtime or the registry does not answer, or a program it needs is not installed. */
  | 'unavailable'
  | 'unimplemented'
  | 'internal';

/** The only error class that crosses the waist. The message is fit for an event or a container's status. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly reason: RuntimeErrorReason;

  constructor(reason: RuntimeErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export function isRuntimeError(error: unknown, ...reasons: RuntimeErrorReason[]): error is RuntimeError {
  return error instanceof RuntimeError && (reasons.length === 0 || reasons.includes(error.reason));
}

// --- the services ---------------------------------------------------------------------------------------------------

/** CRI's RuntimeService. */
export interface RuntimeService {
  version(signal: AbortSignal): Promise<RuntimeVersion>;
  /** Conditions of the runtime; not ready with a message that says what to install when a program is missing. */
  status(signal: AbortSignal): Promise<readonly RuntimeCondition[]>;
  runtimeConfig(signal: AbortSignal): Promise<{ readonly linux: { readonly cgroupDriver: 'CGROUPFS' | 'SYSTEMD' } }>;

  /** Makes namespaces, network and files of a pod and returns the sandbox's id. All or nothing: a failure is rolled back. */
  runPodSandbox(config: PodSandboxConfig, signal: AbortSignal): Promise<string>;
  /** Kills what still runs in it and takes the network down. Idempotent. */
  stopPodSandbox(podSandboxId: string, signal: AbortSignal): Promise<void>;
  /** Stops it, removes its containers and all that it made. Idempotent. */
  removePodSandbox(podSandboxId: string, signal: AbortSignal): Promise<void>;
  podSandboxStatus(podSandboxId: string, signal: AbortSignal): Promise<PodSandboxStatus>;
  listPodSandboxes(filter: PodSandboxFilter, signal: AbortSignal): Promise<readonly PodSandbox[]>;

  /** Returns the container's id. `alreadyExists` when name and attempt are taken in the sandbox. */
  createContainer(podSandboxId: string, config: ContainerConfig, signal: AbortSignal): Promise<string>;
  /** `commandNotFound`, `commandNotExecutable`, `startFailed` carry the text for the container's status. */
  startContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /** Sends the stop signal, kills after `timeoutMs` (0 = at once), resolves when it has ended. Idempotent. */
  stopContainer(containerId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Kills it when it runs. Its log stays. Idempotent. */
  removeContainer(containerId: string, signal: AbortSignal): Promise<void>;
  containerStatus(containerId: string, signal: AbortSignal): Promise<ContainerStatus>;
  listContainers(filter: ContainerFilter, signal: AbortSignal): Promise<readonly Container[]>;
  updateContainerResources(containerId: string, resources: LinuxContainerResources, signal: AbortSignal): Promise<void>;
  /** The caller has renamed the log file: the runtime opens it anew under its old name. */
  reopenContainerLog(containerId: string, signal: AbortSignal): Promise<void>;

  /** `timeoutMs` 0 = none; past it the process is killed and `deadlineExceeded` thrown. Output is bounded (16 MiB each). */
  execSync(
    request: { containerId: string; cmd: readonly string[]; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ExecSyncResult>;
  exec(request: ExecRequest, signal: AbortSignal): Promise<ExecSession>;
  attach(request: AttachRequest, signal: AbortSignal): Promise<AttachSession>;
  /** Connects to a TCP port inside the sandbox (loopback). Rejects when nothing listens. */
  portForward(podSandboxId: string, port: number, signal: AbortSignal): Promise<Duplex>;

  containerStats(containerId: string, signal: AbortSignal): Promise<ContainerStats>;
  listContainerStats(filter: ContainerFilter, signal: AbortSignal): Promise<readonly ContainerStats[]>;
  podSandboxStats(podSandboxId: string, signal: AbortSignal): Promise<PodSandboxStats>;

  /**
   * What happens to containers from now on (CRI's GetContainerEvents). Begin to listen, then list. Throws when the
   * listener is too slow and events were dropped: listen and list again.
   */
  changes(signal: AbortSignal): AsyncIterable<ContainerEvent>;
}

/** CRI's ImageService. `ImageSpec` arguments may be a reference in any spelling, a digest reference or an image id. */
export interface ImageService {
  listImages(filter: { readonly image?: ImageSpec }, signal: AbortSignal): Promise<readonly Image[]>;
  /** Undefined when it is not in the store. */
  imageStatus(image: ImageSpec, signal: AbortSignal): Promise<Image | undefined>;
  /** Returns the image's id. Concurrent pulls of one reference are one pull. */
  pullImage(image: ImageSpec, auth: AuthConfig | undefined, signal: AbortSignal): Promise<string>;
  /** Removes an id with all its names, or one name. Idempotent. */
  removeImage(image: ImageSpec, signal: AbortSignal): Promise<void>;
  imageFsInfo(signal: AbortSignal): Promise<{
    readonly imageFilesystems: readonly FilesystemUsage[];
    readonly containerFilesystems: readonly FilesystemUsage[];
  }>;
}

// --- abilities that not every runtime has ---------------------------------------------------------------------------

/** The runtime can take away everything that it ever made, for `slipway down`. */
export interface RemovesEverything {
  /** Idempotent; works when nothing runs any more. Returns what could not be removed. */
  removeEverything(signal: AbortSignal): Promise<readonly string[]>;
}

/** The runtime can measure what a container wrote into its own root filesystem. */
export interface MeasuresWritableLayer {
  writableLayerUsage(containerId: string, signal: AbortSignal): Promise<FilesystemUsage>;
}
