import type { ClusterView } from '../cluster/cluster-state.ts';
import type { NodeInfo } from '../cluster/node-info.ts';
import type { LocalRejection, NodeMemo } from '../cluster/node-memo.ts';
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
  readonly #local: readonly NamedCheck[];
  readonly #others: readonly NamedCheck[];
  readonly #memo: NodeMemo | undefined;
  readonly #promisedNode: string | undefined;
  /** Names of the filters that rejected a node; they decide what may help the pod. */
  readonly rejectedBy = new Set<string>();

  private constructor(
    pod: PendingPod,
    cluster: ClusterView,
    profile: Profile,
    local: readonly NamedCheck[],
    others: readonly NamedCheck[],
  ) {
    this.#pod = pod;
    this.#local = local;
    this.#others = others;
    this.#promisedNode = cluster.nominations.of(pod.uid);
    this.#memo = cluster.indexes.memo(pod.demand, profile);
  }

  static prepare(
    pod: PendingPod,
    cluster: ClusterView,
    profile: Profile,
  ): NodeChecks | (Blocked & { readonly filter: string }) {
    const local: NamedCheck[] = [];
    const others: NamedCheck[] = [];
    for (const { name, isLocal, prepare } of profile.filters) {
      const check = prepare(pod, cluster, profile.args);
      if (check && 'blocked' in check) return { ...check, filter: name };
      if (check) (isLocal ? local : others).push({ name, check });
    }
    return new NodeChecks(pod, cluster, profile, local, others);
  }

  /** True when what is found out about the node depends on nothing else, and holds for all pods of the demand. */
  isLocalTo({ name }: NodeInfo): boolean {
    return this.#others.length === 0 && name !== this.#promisedNode;
  }

  /** Also with the pods that are to come to the node and are no less important. */
  reject(node: NodeInfo): Rejection | undefined {
    if (node.nominated.length === 0) return this.#rejectAsIs(node);
    if (!this.isLocalTo(node)) return this.#rejectWithNominated(node) ?? this.#rejectAsIs(node);
    const known = this.#memo
      ? this.#memo.rejectionsWithNominated.of(node, this.#findWithNominated)
      : this.#findWithNominated(node);
    if (known) this.rejectedBy.add(known.filter);
    return known?.rejection;
  }

  /** Counts another pod as come to or gone from the node, for checks that count over nodes. */
  shift(other: PodInfo, node: NodeInfo, by: 1 | -1): void {
    for (const { check } of this.#others) check.shift?.(other, node, by);
  }

  #rejectAsIs(node: NodeInfo): Rejection | undefined {
    const local = this.#memo ? this.#memo.rejections.of(node, this.#findLocal) : this.#findLocal(node);
    if (local) {
      this.rejectedBy.add(local.filter);
      return local.rejection;
    }
    for (const { name, check } of this.#others) {
      const rejection = check.reject(node);
      if (!rejection) continue;
      this.rejectedBy.add(name);
      return rejection;
    }
    return undefined;
  }

  readonly #findLocal = (node: NodeInfo): LocalRejection | undefined => {
    for (const { name, check } of this.#local) {
      const rejection = check.reject(node);
      if (rejection) return { filter: name, rejection };
    }
    return undefined;
  };

  readonly #findWithNominated = (node: NodeInfo): LocalRejection | undefined => {
    const expected = this.#expectedOn(node);
    if (expected.length === 0) return this.#findLocal(node);
    const trial = node.trial();
    for (const other of expected) trial.count(other, 1);
    return this.#findLocal(trial) ?? this.#findLocal(node);
  };

  /** Pods that are to come to the node and have to be reckoned with. */
  #expectedOn({ nominated }: NodeInfo): readonly PodInfo[] {
    const { uid, demand } = this.#pod;
    return nominated.filter((other) => other.uid !== uid && other.demand.priority >= demand.priority);
  }

  #rejectWithNominated(node: NodeInfo): Rejection | undefined {
    const expected = this.#expectedOn(node);
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
