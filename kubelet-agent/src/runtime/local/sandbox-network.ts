import type { Labels, PodSandboxMetadata, PortMapping } from '../cri.ts';

export interface SandboxNetworkRequest {
  readonly sandboxId: string;
  readonly pod: PodSandboxMetadata;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Bind mount of the pod's network namespace. On `tearDown` it may be gone already. */
  readonly netnsPath: string;
  readonly portMappings: readonly PortMapping[];
}

export interface SandboxNetworkStatus {
  /** Without prefix length; the first one is the pod's primary address. */
  readonly ips: readonly string[];
}

/**
 * What the local runtime wants from a network: an interface in a namespace. Loopback is up before `setUp`, the host
 * network never gets here.
 */
export interface SandboxNetwork {
  /** All or nothing. The runtime keeps the answer on disk. */
  setUp(request: SandboxNetworkRequest, signal: AbortSignal): Promise<SandboxNetworkStatus>;
  /** Idempotent; must work after a failed or unfinished `setUp`, and without the namespace. */
  tearDown(request: SandboxNetworkRequest, signal: AbortSignal): Promise<void>;
  /** Whether `setUp` can work; a text says what is missing. Shown as the runtime's NetworkReady condition. */
  problem(signal: AbortSignal): Promise<string | undefined>;
}
