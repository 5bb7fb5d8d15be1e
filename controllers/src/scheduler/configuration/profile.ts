/** How pods of one schedulerName are scheduled: which plugins, with which weights and arguments. */
import type { ClusterView } from '../cluster/cluster-state.ts';
import type { Filter } from '../cycle/filter.ts';
import type { Score } from '../cycle/score.ts';
import { filters } from '../filters/filters.ts';
import { defaultSchedulerName } from '../pods/demand.ts';
import type { NodeSelection } from '../pods/matchers.ts';
import type { PendingPod } from '../pods/pod-info.ts';
import type { SpreadConstraint } from '../pods/pod-terms.ts';
import { defaultWeights, scores } from '../scores/scores.ts';

export interface ResourceWeight {
  readonly name: string;
  readonly weight: number;
}

export interface ShapePoint {
  /** Percent, 0 to 100. */
  readonly utilization: number;
  /** 0 to 10. */
  readonly score: number;
}

export type FitStrategy =
  | { readonly type: 'LeastAllocated' | 'MostAllocated'; readonly resources: readonly ResourceWeight[] }
  | {
      readonly type: 'RequestedToCapacityRatio';
      readonly resources: readonly ResourceWeight[];
      readonly shape: readonly ShapePoint[];
    };

/** Arguments of all plugins, as `pluginConfig` of a KubeSchedulerConfiguration gives them. */
export interface PluginArgs {
  readonly isIgnoredResource: (resource: string) => boolean;
  readonly fitStrategy: FitStrategy;
  readonly balancedResources: readonly ResourceWeight[];
  /** Node affinity that every pod of the profile has on top of its own. */
  readonly addedNodes: NodeSelection | undefined;
  readonly addedPreferredNodes: readonly { readonly weight: number; readonly nodes: NodeSelection }[];
  readonly hardPodAffinityWeight: number;
  readonly ignorePreferredTermsOfExistingPods: boolean;
  /** Spread constraints for a pod that has none of its own. */
  readonly defaultConstraintsOf: (pod: PendingPod, cluster: ClusterView) => readonly SpreadConstraint[];
  /** Spread pods of one owner or service over hosts and zones where nothing else is said. */
  readonly spreadsByDefault: boolean;
  readonly minCandidateNodesPercentage: number;
  readonly minCandidateNodesAbsolute: number;
}

export interface Profile {
  readonly schedulerName: string;
  readonly filters: readonly Filter[];
  readonly scores: readonly { readonly score: Score; readonly weight: number }[];
  readonly preempts: boolean;
  /** 0 = upstream's rule: fewer the more nodes there are. */
  readonly percentageOfNodesToScore: number;
  readonly args: PluginArgs;
}

export interface SchedulerConfiguration {
  readonly profiles: readonly Profile[];
  readonly podInitialBackoffMs: number;
  readonly podMaxBackoffMs: number;
}

const cpuAndMemory: readonly ResourceWeight[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

export const defaultArgs: PluginArgs = {
  isIgnoredResource: () => false,
  fitStrategy: { type: 'LeastAllocated', resources: cpuAndMemory },
  balancedResources: cpuAndMemory,
  addedNodes: undefined,
  addedPreferredNodes: [],
  hardPodAffinityWeight: 1,
  ignorePreferredTermsOfExistingPods: false,
  defaultConstraintsOf: () => [],
  spreadsByDefault: true,
  minCandidateNodesPercentage: 10,
  minCandidateNodesAbsolute: 100,
};

export const defaultProfile: Profile = {
  schedulerName: defaultSchedulerName,
  filters,
  scores: scores.map((score) => ({ score, weight: defaultWeights.get(score.name) ?? 1 })),
  preempts: true,
  percentageOfNodesToScore: 0,
  args: defaultArgs,
};

export const defaultConfiguration: SchedulerConfiguration = {
  profiles: [defaultProfile],
  podInitialBackoffMs: 1_000,
  podMaxBackoffMs: 10_000,
};
