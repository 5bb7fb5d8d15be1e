import type { CacheReader } from '@slipway/client/cache';
import type { EventRecorder } from '@slipway/client/events';
import type { Pod, Service } from '@slipway/api/types';
import type { Transport } from '@slipway/api/transport';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { UlimitBounds } from '../node/own-ulimits.ts';
import type { ContainerProbes } from '../probes/container-probes.ts';
import type { ImageService, RuntimeService } from '../runtime/cri.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { ReferencedObjects } from '../volumes/referenced-objects.ts';
import type { VolumeLayout } from '../volumes/volume-layout.ts';
import type { DnsContext } from './dns-config.ts';

/** What the node is, as far as pods see it. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The primary address first. */
  readonly hostIps: readonly string[];
  /** Quantities by resource name. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly memoryCapacityBytes: number;
}

/** cgroups of whole pods: made before the sandbox, removed after it. */
export interface PodCgroups {
  ensure(
    cgroup: string,
    limits: { cpuShares?: number; cpuQuota?: number; cpuPeriod?: number; memoryLimitInBytes?: number },
  ): Promise<void>;
  remove(cgroup: string, signal: AbortSignal): Promise<void>;
}

export interface PodDeps {
  readonly transport: Transport;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly volumes: Pick<PodVolumes, 'setUp' | 'podChanged' | 'hostPath' | 'isOnDisk' | 'tearDown' | 'podsOnDisk'>;
  readonly objects: Pick<ReferencedObjects, 'configMap' | 'secret' | 'retain' | 'release' | 'onChange'>;
  readonly cgroups: PodCgroups;
  readonly probes: Pick<ContainerProbes, 'ensure' | 'results' | 'forget' | 'keepOnly'>;
  readonly layout: VolumeLayout;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  /** Read at each use: labels and addresses may change. */
  readonly node: () => NodeFacts;
  readonly dns: () => DnsContext;
  readonly services: { readonly ready: Promise<void>; readonly cache: CacheReader<Service> };
  readonly seccompRoot: string;
  readonly ulimitBounds: UlimitBounds;
  /** Part of container ids in statuses: `slipway`. */
  readonly runtimeName: string;
}

export function tell(
  events: EventRecorder,
  pod: Pod,
  event: {
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
    readonly message: string;
    readonly container?: string;
  },
): void {
  const { container, ...text } = event;
  events.record({ about: pod, ...text, ...(container ? { fieldPath: fieldPathOf(pod, container) } : {}) });
}

function fieldPathOf(pod: Pod, container: string): string {
  const isInit = pod.spec.initContainers?.some(({ name }) => name === container);
  return `spec.${isInit ? 'initContainers' : 'containers'}{${container}}`;
}
