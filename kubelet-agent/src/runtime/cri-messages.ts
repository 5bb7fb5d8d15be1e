/** Messages of CRI v1, see `cri.ts`, which hands them out. */
import type { Readable, Writable } from 'node:stream';

// --- sandboxes ------------------------------------------------------------------------------------------------------

export type Labels = Readonly<Record<string, string>>;

export interface PodSandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  /** Number of the try; increases when the sandbox of a pod is made anew. */
  readonly attempt: number;
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PortMapping {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly containerPort: number;
  readonly hostPort: number;
  /** Empty = all addresses. */
  readonly hostIp: string;
}

/** POD = shared in the pod, CONTAINER = its own, NODE = the host's, TARGET = another container's. */
export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET';

export interface NamespaceOption {
  /** CONTAINER: only a loopback of its own; for containers, never for a sandbox. */
  readonly network: 'POD' | 'CONTAINER' | 'NODE';
  readonly pid: NamespaceMode;
  /** CONTAINER: with a /dev/shm of its own; for containers, never for a sandbox. */
  readonly ipc: 'POD' | 'CONTAINER' | 'NODE';
  /** Container id whose PID namespace is joined when `pid` is TARGET. */
  readonly targetId?: string;
}

export interface SecurityProfile {
  readonly profileType: 'RuntimeDefault' | 'Unconfined' | 'Localhost';
  /** Absolute path of the profile when Localhost. */
  readonly localhostRef?: string;
}

export interface LinuxSandboxSecurityContext {
  readonly namespaceOptions: NamespaceOption;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly supplementalGroups?: readonly number[];
  readonly readonlyRootfs?: boolean;
  readonly privileged?: boolean;
  /** Absent means RuntimeDefault. */
  readonly seccomp?: SecurityProfile;
}

export interface LinuxPodSandboxConfig {
  /**
   * cgroup under which the pod's containers live, e.g. `/kubepods/burstable/pod<UID>`, relative to the root of the
   * hierarchies. The local runtime makes it with `resources` and takes it away with the last sandbox below it; above
   * another runtime it is for the caller to make.
   */
  readonly cgroupParent: string;
  readonly securityContext: LinuxSandboxSecurityContext;
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Sum of the containers' resources. */
  readonly resources?: LinuxContainerResources;
}

export interface PodSandboxConfig {
  readonly metadata: PodSandboxMetadata;
  /** Empty = the host's name (host network). At most 63 bytes. */
  readonly hostname: string;
  /** Absolute directory below which `ContainerConfig.logPath` is. */
  readonly logDirectory: string;
  /** Absent = the host's /etc/resolv.conf. */
  readonly dnsConfig?: DnsConfig;
  readonly portMappings: readonly PortMapping[];
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly linux: LinuxPodSandboxConfig;
}

export type PodSandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY';

export interface PodSandbox {
  readonly id: string;
  readonly metadata: PodSandboxMetadata;
  readonly state: PodSandboxState;
  readonly createdAtMs: number;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly runtimeHandler: string;
}

export interface PodSandboxStatus extends PodSandbox {
  /** Empty in the host network; the first one is the pod's primary address. */
  readonly network: { readonly ip: string; readonly additionalIps: readonly string[] };
  readonly linux: { readonly namespaces: NamespaceOption };
  /** Path of the pinned network namespace; empty in the host network. */
  readonly netnsPath: string;
}

export interface PodSandboxFilter {
  readonly id?: string;
  readonly state?: PodSandboxState;
  /** All of these labels must match. */
  readonly labelSelector?: Labels;
}

// --- containers -----------------------------------------------------------------------------------------------------

export interface ContainerMetadata {
  readonly name: string;
  /** Restart count. Part of the identity: name and attempt are unique in a sandbox. */
  readonly attempt: number;
}

export interface ImageSpec {
  /** Reference or image id. `ContainerConfig.image` should be the id that `pullImage` or `imageStatus` returned. */
  readonly image: string;
  readonly userSpecifiedImage?: string;
  readonly annotations?: Labels;
  readonly runtimeHandler?: string;
}

export type MountPropagation = 'PROPAGATION_PRIVATE' | 'PROPAGATION_HOST_TO_CONTAINER' | 'PROPAGATION_BIDIRECTIONAL';

export interface Mount {
  readonly containerPath: string;
  /** Absolute path on the host; must exist. */
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly propagation?: MountPropagation;
  readonly selinuxRelabel?: boolean;
}

export interface Device {
  readonly containerPath: string;
  readonly hostPath: string;
  /** Of r, w, m. */
  readonly permissions: string;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** 0 or absent = not set. */
export interface LinuxContainerResources {
  /** Microseconds. */
  readonly cpuPeriod?: number;
  /** Microseconds per period; -1 = no limit. */
  readonly cpuQuota?: number;
  readonly cpuShares?: number;
  readonly memoryLimitInBytes?: number;
  readonly memorySwapLimitInBytes?: number;
  readonly oomScoreAdj?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  /** cgroup v2 files, e.g. `memory.high`. */
  readonly unified?: Readonly<Record<string, string>>;
}

export interface Capability {
  /** Names with or without `CAP_`; `ALL` is known. */
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly addAmbientCapabilities?: readonly string[];
}

export interface LinuxContainerSecurityContext {
  readonly capabilities?: Capability;
  readonly privileged?: boolean;
  readonly namespaceOptions: NamespaceOption;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  /** USER or USER:GROUP, names or numbers; used when `runAsUser` is absent. Both absent = the image's user. */
  readonly runAsUsername?: string;
  readonly readonlyRootfs?: boolean;
  /** Added to the groups that the image's /etc/group gives the user; fsGroup belongs here too. */
  readonly supplementalGroups?: readonly number[];
  /** Strict = only `supplementalGroups`, nothing from the image. */
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict';
  readonly noNewPrivs?: boolean;
  /** Absent = the runtime's default list. Empty = nothing is masked (procMount Unmasked). */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  /** Absent means RuntimeDefault; privileged means Unconfined. */
  readonly seccomp?: SecurityProfile;
  readonly apparmor?: SecurityProfile;
}

export interface LinuxContainerConfig {
  readonly resources: LinuxContainerResources;
  readonly securityContext: LinuxContainerSecurityContext;
  readonly beyondCri?: BeyondCri;
}

/** What CRI has no message for. A runtime that does not know it must refuse the container. */
export interface BeyondCri {
  /** Limits of the first process and what it starts; -1 = no limit. Names without `RLIMIT_`, in lower case. */
  readonly rlimits?: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly tmpfs?: readonly { readonly containerPath: string; readonly options: readonly string[] }[];
  /** In a PID namespace of its own, somebody else is PID 1 and reaps. */
  readonly init?: boolean;
}

export interface ContainerConfig {
  readonly metadata: ContainerMetadata;
  readonly image: ImageSpec;
  /** Replaces the image's ENTRYPOINT (and then the image's CMD is dropped). Empty = the image's. */
  readonly command: readonly string[];
  /** Replaces the image's CMD. Empty = the image's, unless `command` is given. */
  readonly args: readonly string[];
  /** Empty = the image's. */
  readonly workingDir: string;
  /** Overrides the image's variables of the same name. */
  readonly envs: readonly KeyValue[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Relative to the sandbox's `logDirectory`; empty = no log. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** Name or number of the signal that `stopContainer` sends; absent = the image's STOPSIGNAL, else SIGTERM. */
  readonly stopSignal?: string;
  readonly linux: LinuxContainerConfig;
}

export type ContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN';

export interface Container {
  readonly id: string;
  readonly podSandboxId: string;
  readonly metadata: ContainerMetadata;
  readonly image: ImageSpec;
  /** Digest of the image's configuration, `sha256:...`. */
  readonly imageRef: string;
  readonly state: ContainerState;
  readonly createdAtMs: number;
  readonly labels: Labels;
  readonly annotations: Labels;
}

export interface ContainerStatus extends Container {
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** Meaningful when exited; 128 + n when killed by signal n. */
  readonly exitCode: number;
  /** `Completed`, `Error`, `OOMKilled`, `StartError` when exited; `ContainerStatusUnknown` when the exit was not seen. */
  readonly reason: string;
  readonly message: string;
  readonly mounts: readonly Mount[];
  /** Absolute; empty without a log. */
  readonly logPath: string;
  /** PID on the host while created or running, else 0. */
  readonly pid: number;
  readonly resources: { readonly linux: LinuxContainerResources };
  /** The identity that the first process got. */
  readonly user: {
    readonly linux: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] };
  };
}

export interface ContainerFilter {
  readonly id?: string;
  readonly state?: ContainerState;
  readonly podSandboxId?: string;
  readonly labelSelector?: Labels;
}

// --- events ---------------------------------------------------------------------------------------------------------

export type ContainerEventType =
  | 'CONTAINER_CREATED_EVENT'
  | 'CONTAINER_STARTED_EVENT'
  | 'CONTAINER_STOPPED_EVENT'
  | 'CONTAINER_DELETED_EVENT';

/** Says that something changed, not what: look at the container afterwards. */
export interface ContainerEvent {
  readonly containerEventType: ContainerEventType;
  readonly containerId: string;
  readonly podSandboxId: string;
  /** UID of the pod, so that a listener need not look up the sandbox. */
  readonly podUid: string;
  readonly createdAtMs: number;
}

// --- streams --------------------------------------------------------------------------------------------------------

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

export interface ExecRequest {
  readonly containerId: string;
  readonly cmd: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
}

/**
 * A process in a container with its streams. Not reading `stdout` or `stderr` stops the process when its pipe is full.
 * Aborting the call's signal kills the process.
 */
export interface ExecSession {
  /** Ending it closes the process's standard input. Absent when not asked for. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** Absent with a terminal: everything arrives on `stdout`. */
  readonly stderr: Readable | undefined;
  /** No effect without a terminal. */
  resize(size: TerminalSize): Promise<void>;
  /** The exit code, 128 + n for signal n. Rejects with `RuntimeError` when the process could not be started. */
  readonly exitCode: Promise<number>;
}

export interface ExecSyncResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exitCode: number;
}

export interface AttachRequest {
  readonly containerId: string;
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** Streams of a running container's first process. What was printed before is not repeated: see the log. */
export interface AttachSession {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable | undefined;
  resize(size: TerminalSize): Promise<void>;
  /** Resolves when the container ended or the session was detached by its signal. */
  readonly closed: Promise<void>;
}

// --- numbers --------------------------------------------------------------------------------------------------------

export interface CpuUsage {
  readonly timestampMs: number;
  /** Cumulative, in nanoseconds of one core. */
  readonly usageCoreNanoSeconds: bigint;
}

export interface MemoryUsage {
  readonly timestampMs: number;
  /** Usage without inactive file pages: what eviction and `kubectl top` count. */
  readonly workingSetBytes: number;
  readonly usageBytes: number;
  readonly rssBytes: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
}

export interface FilesystemUsage {
  readonly timestampMs: number;
  readonly mountpoint: string;
  readonly usedBytes: number;
  readonly inodesUsed: number;
}

export interface ContainerStats {
  readonly attributes: Pick<Container, 'id' | 'metadata' | 'labels' | 'annotations'>;
  readonly cpu: CpuUsage;
  readonly memory: MemoryUsage;
  readonly processCount: number;
}

export interface PodSandboxStats {
  readonly attributes: Pick<PodSandbox, 'id' | 'metadata' | 'labels' | 'annotations'>;
  readonly linux: {
    readonly cpu: CpuUsage;
    readonly memory: MemoryUsage;
    readonly process: { readonly processCount: number };
    readonly containers: readonly ContainerStats[];
  };
}

export interface RuntimeVersion {
  /** Version of CRI: `v1`. */
  readonly version: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly runtimeApiVersion: string;
}

export interface RuntimeCondition {
  readonly type: 'RuntimeReady' | 'NetworkReady';
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

// --- images -----------------------------------------------------------------------------------------------------------

export interface AuthConfig {
  readonly username?: string;
  readonly password?: string;
  /** base64 of `username:password`. */
  readonly auth?: string;
  readonly serverAddress?: string;
  /** Used to get an access token. */
  readonly identityToken?: string;
  /** Sent as a bearer token as it is. */
  readonly registryToken?: string;
}

export interface Image {
  /** Digest of the configuration, `sha256:...`. */
  readonly id: string;
  /** Normalised names: `docker.io/library/app:1`. */
  readonly repoTags: readonly string[];
  /** `docker.io/library/app@sha256:...`. */
  readonly repoDigests: readonly string[];
  readonly size: number;
  /** The image's user when it is a number. */
  readonly uid?: number;
  /** The image's user when it is a name. */
  readonly username: string;
  readonly pinned: boolean;
}
