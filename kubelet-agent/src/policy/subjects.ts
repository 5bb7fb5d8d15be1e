import { isDeepStrictEqual } from 'node:util';
import type { NetworkPolicy, Pod } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { keyOf } from '@slipway/client/kinds';
import { type CompiledPolicy, compilePolicy } from './compile-policy.ts';
import { canonicalAddresses, type PeerPod, peerPodFrom } from './peer-pod.ts';
import type { Subject } from './plan-policies.ts';

interface LocalPod {
  readonly key: string;
  /** As the API has them. */
  readonly facts: PeerPod;
  /** By key. */
  readonly policies: Map<string, CompiledPolicy>;
  /** The API has it no more, and its addresses are still in use. */
  readonly isGone: boolean;
  /** As an earlier run knew them, and died before the API did. */
  readonly inherited: readonly string[];
}

/** Addresses of a pod as its sandbox got them. None once they were taken back. */
interface Attached {
  readonly sandboxId: string;
  readonly ips: readonly string[];
}

/** This node's pods and the policies that select them. A change asks the policies, or the pods, of one namespace. */
export class Subjects {
  readonly #pods = new Map<string, LocalPod>();
  readonly #podsIn = new Map<string, Set<string>>();
  readonly #policies = new Map<string, Map<string, CompiledPolicy>>();
  /** Pod's UID → what the runtime made for it: known before the API says so. */
  readonly #attached = new Map<string, Attached>();

  /** True when rules may have to change. */
  changePods(changes: readonly Change<Pod>[]): boolean {
    let hasChanged = false;
    for (const { before, after } of changes) {
      const uid = before?.metadata.uid;
      if (uid && uid !== after?.metadata.uid) hasChanged = this.#loseSight(uid) || hasChanged;
      if (after) hasChanged = this.#putPod(after) || hasChanged;
    }
    return hasChanged;
  }

  changePolicies(changes: readonly Change<NetworkPolicy>[]): void {
    for (const { key, before, after } of changes) {
      const namespace = (after ?? before)?.metadata.namespace ?? '';
      const policies = this.#policies.get(namespace) ?? new Map<string, CompiledPolicy>();
      this.#policies.set(namespace, policies);
      const compiled = after && compilePolicy(after);
      if (compiled) policies.set(key, compiled);
      else policies.delete(key);
      if (policies.size === 0) this.#policies.delete(namespace);
      for (const uid of this.#podsIn.get(namespace) ?? []) {
        const pod = this.#pods.get(uid);
        if (compiled?.selector.matches(pod?.facts.labels)) pod?.policies.set(key, compiled);
        else pod?.policies.delete(key);
      }
    }
  }

  /** The runtime has given the pod these addresses. */
  attach(uid: string, sandboxId: string, ips: readonly string[]): void {
    this.#attached.set(uid, { sandboxId, ips: canonicalAddresses(ips) });
  }

  /** The runtime has taken the addresses back. Those of a newer sandbox stay. */
  detach(uid: string, sandboxId: string): void {
    const attached = this.#attached.get(uid);
    if (attached && attached.sandboxId !== sandboxId) return;
    const pod = this.#pods.get(uid);
    if (pod?.isGone) this.#forgetPod(uid);
    else if (pod) this.#attached.set(uid, { sandboxId, ips: [] });
    else this.#attached.delete(uid);
  }

  /** The kernel has the address as the pod's. That counts as long as nobody knows better. */
  inherit(ip: string, key: string): void {
    for (const [uid, pod] of this.#pods) {
      if (pod.key === key) this.#pods.set(uid, { ...pod, inherited: [...pod.inherited, ip] });
    }
  }

  isSelected(uid: string): boolean {
    return (this.#pods.get(uid)?.policies.size ?? 0) > 0;
  }

  /** Who knows his addresses best comes first: another's claim to one of them is out of date. */
  list(): readonly Subject[] {
    const ranked = [...this.#pods].map(([uid, { key, facts, inherited, policies }]) => {
      const made = this.#attached.get(uid)?.ips;
      const isTold = facts.ips.length > 0;
      const ips = made ?? (isTold ? facts.ips : inherited);
      const subject = { pod: key, ips, ports: facts.ports, policies: [...policies.values()] };
      return { subject, rank: made ? 0 : isTold ? 1 : 2 };
    });
    return ranked.sort((one, other) => one.rank - other.rank).map(({ subject }) => subject);
  }

  #putPod(object: Pod): boolean {
    const uid = object.metadata.uid ?? '';
    const facts = peerPodFrom(object);
    if (!facts) return this.#forgetPod(uid);
    const before = this.#pods.get(uid);
    if (before && isDeepStrictEqual(before.facts, facts)) return false;
    const policies = this.#policiesFor(facts);
    this.#pods.set(uid, { key: keyOf(object), facts, policies, isGone: false, inherited: before?.inherited ?? [] });
    const uids = this.#podsIn.get(facts.namespace) ?? new Set();
    this.#podsIn.set(facts.namespace, uids.add(uid));
    return true;
  }

  #policiesFor({ namespace, labels }: PeerPod): Map<string, CompiledPolicy> {
    const all = [...(this.#policies.get(namespace) ?? [])];
    return new Map(all.filter(([, { selector }]) => selector.matches(labels)));
  }

  /** A pod deleted by force may run for a while yet: its isolation ends when its addresses are taken back. */
  #loseSight(uid: string): boolean {
    const pod = this.#pods.get(uid);
    if (!pod || !this.#attached.get(uid)?.ips.length) return this.#forgetPod(uid);
    this.#pods.set(uid, { ...pod, isGone: true });
    return false;
  }

  #forgetPod(uid: string): boolean {
    const pod = this.#pods.get(uid);
    this.#pods.delete(uid);
    this.#attached.delete(uid);
    if (!pod) return false;
    const uids = this.#podsIn.get(pod.facts.namespace);
    uids?.delete(uid);
    if (uids?.size === 0) this.#podsIn.delete(pod.facts.namespace);
    return true;
  }
}
