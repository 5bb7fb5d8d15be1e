import type { Clock } from '@slipway/kit/clock';
import type { Exec } from '@slipway/kit/exec';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { Spawn } from '@slipway/kit/spawn';
import type { Cgroups } from '../../cgroups/cgroups.ts';
import type { ContainerEvents } from './events.ts';
import type { ImageRootfs } from './image-rootfs.ts';
import type { OciRuntime } from './oci-runtime.ts';
import type { RuntimePaths } from './runtime-paths.ts';
import type { SandboxNetwork } from './sandbox-network.ts';
import type { HostFacts } from './spec/container-spec.ts';

/** The world of the local runtime, and what it found out about the machine at its start. */
export interface LocalDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly exec: Exec;
  readonly spawn: Spawn;
  readonly log: Logger;
  readonly network: SandboxNetwork;
  readonly images: ImageRootfs;
  readonly cgroups: Cgroups;
  readonly paths: RuntimePaths;
  readonly events: ContainerEvents;
  readonly host: HostFacts;
  readonly bootId: string;
  readonly searchPath: string;
  /** Throws `RuntimeError` `unavailable` when a program is missing. Asked anew until it is there. */
  programs(signal: AbortSignal): Promise<Programs>;
}

export interface Conmon {
  readonly path: string;
  /** Long options that this version has, as its help prints them. */
  readonly options: ReadonlySet<string>;
}

export interface Programs {
  readonly runtime: OciRuntime;
  readonly conmon: Conmon;
}
