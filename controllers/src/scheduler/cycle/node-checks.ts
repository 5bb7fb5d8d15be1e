import type { ClusterView } from '../cluster/cluster-state.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { Profile } from '../configuration/profile.ts';
import type { PendingPod, PodInfo } from '../pods/pod-info.ts';
import type { Blocked, NodeCheck, Rejection } from './filter.ts';

interface NamedCheck {
  readonly name: string;
  readonly check: NodeCheck;
}

/** All filters of a profile, prepared for one pod. */
export class NodeChecks {
  readonly #pod: PendingPod;
  readonly #checks: readonly NamedCheck[];
  readonly #shifting: readonly NodeCheck[];
  readonly #cluster: ClusterView;
  /** Names of the filters that rejected a node; they decide what may help the pod. */
  readonly rejectedBy = new Set<string>();

  private constructor(pod: PendingPod, checks: readonly NamedCheck[], cluster: ClusterView) {
    this.#pod = pod;
    this.#checks = checks;
    this.#shifting = checks.map(({ check }) => check).filter(({ shift }) => shift !== undefined);
    this.#cluster = cluster;
  }

  static prepare(
    pod: PendingPod,
    cluster: ClusterView,
    { filters, args }: Profile,
  ): NodeChecks | (Blocked & { readonly filter: string }) {
    const checks: NamedCheck[] = [];
    for (const filter of filters) {
      const check = filter.prepare(pod, cluster, args);
      if (check && 'blocked' in check) return { ...check, filter: filter.name };
      if (check) checks.push({ name: filter.name, check });
    }
    return new NodeChecks(pod, checks, cluster);
  }

  /** Also with the pods that are to come to the node and are no less important. */
  reject(node: NodeInfo): Rejection | undefined {
    const { nominations } = this.#cluster;
    if (nominations.size > 0) {
      const rejection = this.#rejectWithNominated(node, nominations.on(node.name));
      if (rejection) return rejection;
    }
    return this.#rejectAsIs(node);
  }

  /** Counts another pod as come to or gone from the node, for checks that count over nodes. */
  shift(other: PodInfo, node: NodeInfo, by: 1 | -1): void {
    for (const check of this.#shifting) check.shift?.(other, node, by);
  }

  #rejectAsIs(node: NodeInfo): Rejection | undefined {
    for (const { name, check } of this.#checks) {
      const rejection = check.reject(node);
      if (!rejection) continue;
      this.rejectedBy.add(name);
      return rejection;
    }
    return undefined;
  }

  #rejectWithNominated(node: NodeInfo, nominated: readonly PodInfo[]): Rejection | undefined {
    const expected = nominated.filter(
      ({ uid, demand }) => uid !== this.#pod.uid && demand.priority >= this.#pod.demand.priority,
    );
    if (expected.length === 0) return undefined;
    const trial = node.trial();
    for (const other of expected) {
      trial.count(other, 1);
      this.shift(other, node, 1);
    }
    const rejection = this.#rejectAsIs(trial);
    for (const other of expected) this.shift(other, node, -1);
    return rejection;
  }
}
