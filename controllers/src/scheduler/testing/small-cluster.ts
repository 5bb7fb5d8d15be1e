/** Small clusters for tests of decisions: nodes, pods on them, and what becomes of one more. */
import type { Node, Pod, PodDisruptionBudget } from '@slipway/api/types';
import { seededRandom } from '@slipway/kit/random';
import { ClusterState } from '../cluster/cluster-state.ts';
import type { VolumeView } from '../cluster/volume-view.ts';
import { defaultProfile, type Profile } from '../configuration/profile.ts';
import { WishedProfiles } from '../configuration/wished-profile.ts';
import { type Decision, schedule } from '../cycle/schedule.ts';
import { type PendingPod, PodReader } from '../pods/pod-info.ts';
import type { BudgetView } from '../preemption/budget-view.ts';
import { type PreemptionPlan, planPreemption } from '../preemption/plan-preemption.ts';

export interface NodeTraits {
  readonly labels?: Record<string, string>;
  readonly spec?: Node['spec'];
  readonly allocatable?: Record<string, string>;
  readonly images?: NonNullable<Node['status']>['images'];
}

export function aNode(name: string, { labels, spec = {}, allocatable, images }: NodeTraits = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec,
    status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10', ...allocatable }, ...(images ? { images } : {}) },
  };
}

export type PodTraits = Partial<Pod['spec']> & {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  /** Name of the ReplicaSet that it belongs to. */
  readonly owner?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly status?: Pod['status'];
  readonly terminating?: boolean;
};

let made = 0;

export function aPod(traits: PodTraits = {}): Pod {
  const {
    labels = {},
    owner,
    cpu = '100m',
    memory = '64Mi',
    namespace = 'default',
    status,
    terminating,
    ...rest
  } = traits;
  made++;
  const { name = `p${made}`, ...spec } = rest;
  const controller = owner && { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `uid-${namespace}-${name}`,
      labels,
      ...(controller ? { ownerReferences: [controller] } : {}),
      ...(terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [{ name: 'c', image: 'x', resources: { requests: { cpu, memory } } }], ...spec },
    ...(status ? { status } : {}),
  };
}

/** A cluster to ask: where would this pod go? */
export class SmallCluster {
  readonly reader = new PodReader();
  readonly state: ClusterState;
  readonly profile: Profile;
  budgets: readonly PodDisruptionBudget[] = [];
  readonly #random = seededRandom(1);
  readonly #wished = new WishedProfiles();

  constructor(
    nodes: readonly Node[],
    placed: readonly (readonly [Pod, string])[] = [],
    options: { readonly profile?: Profile; readonly volumes?: VolumeView } = {},
  ) {
    this.profile = options.profile ?? defaultProfile;
    this.state = new ClusterState(options.volumes);
    for (const node of nodes) this.state.setNode(node);
    for (const [pod, name] of placed) this.place(pod, name);
  }

  place(pod: Pod, nodeName: string): void {
    this.state.placePod(this.reader.placed(pod), nodeName);
  }

  pending(pod: Pod): PendingPod {
    return this.reader.pending(pod);
  }

  schedule(pod: Pod): Decision {
    const pending = this.pending(pod);
    const profile = this.#wished.of(this.profile, pending.demand.wishes);
    return schedule(pending, this.state, profile, this.#random);
  }

  /** The node's name, or why there is none. */
  decide(pod: Pod): string {
    const decision = this.schedule(pod);
    return decision.outcome === 'fits' ? decision.node.name : decision.message;
  }

  preempt(pod: Pod): PreemptionPlan {
    const decision = this.schedule(pod);
    if (decision.outcome === 'fits') throw new Error(`${pod.metadata.name} fits on ${decision.node.name}`);
    const { budgets } = this;
    const view: BudgetView = {
      version: budgets,
      inNamespace: (namespace) => budgets.filter(({ metadata }) => metadata.namespace === namespace),
    };
    return planPreemption(this.pending(pod), decision, this.state, this.profile, view, this.#random);
  }

  /** `NODE: VICTIM VICTIM`, or why nothing is preempted. */
  victims(pod: Pod): string {
    const plan = this.preempt(pod);
    if (plan.outcome === 'none') return plan.message;
    return `${plan.candidate.node.name}: ${plan.candidate.victims.map(({ name }) => name).join(' ')}`;
  }
}
