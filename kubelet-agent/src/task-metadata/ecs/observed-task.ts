import type { EcsContainerFacts, EcsTaskFacts } from '@slipway/api/ecs/task-metadata';
import type { Container, ContainerStatus as PodContainerStatus } from '@slipway/api/types';
import type { ContainerStatus } from '../../runtime/cri.ts';

/** All that the documents are made from. Plain data; what is not known is absent. */
export interface ObservedTask {
  readonly observedAtMs: number;
  readonly pod: { readonly namespace: string; readonly name: string };
  readonly facts: EcsTaskFacts;
  /** The pod is on its way to its end. */
  readonly isEnding: boolean;
  /** RFC 3339. */
  readonly scheduledAt: string | undefined;
  readonly ips: readonly string[];
  readonly node: { readonly zone: string | undefined; readonly region: string | undefined };
  readonly network: ObservedNetwork | undefined;
  readonly dns: { readonly servers: readonly string[]; readonly searches: readonly string[] };
  readonly clusterDomain: string;
  /** In the order of the definition, the newest attempt of each; those that have not been created are absent. */
  readonly containers: readonly ObservedContainer[];
}

export interface ObservedNetwork {
  readonly mac: string;
  /** `10.0.2.0/24` */
  readonly subnet: string | undefined;
  readonly gateway: string | undefined;
}

export interface ObservedContainer {
  readonly facts: EcsContainerFacts;
  readonly runtime: ContainerStatus;
  /** As the pod asks for it, and as the API was told last; absent before the agent has the pod from the API. */
  readonly wanted: Container | undefined;
  readonly told: PodContainerStatus | undefined;
}
