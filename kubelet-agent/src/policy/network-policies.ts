import type { KubeObject, NetworkPolicy, Pod } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import { keyOf } from '@slipway/client/kinds';
import type { Host } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { StartWatch } from '../node/start-watch.ts';
import { kernelElement } from './element-keys.ts';
import { type ObservedTable, observeTable } from './observe-table.ts';
import { PeerWatch } from './peer-watch.ts';
import { planPolicies } from './plan-policies.ts';
import { type KernelState, type PolicyTransaction, planTransaction } from './plan-transaction.ts';
import { type PolicyRuleset, policyTableName } from './ruleset.ts';
import { Subjects } from './subjects.ts';

export interface NetworkPoliciesDeps {
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  /** This node's pods. */
  readonly pods: CacheReader<Pod>;
  readonly networkPolicies: CacheReader<NetworkPolicy>;
  /** For namespaces and all pods of the cluster, while policies of this node's pods name peers. */
  readonly watch: StartWatch;
}

export interface PodAttachment {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly sandboxId: string;
  readonly ips: readonly string[];
}

/** The first change goes out at once; what comes within this time after it goes out together. */
const spacingMs = 20;
/** Somebody may have changed the table behind our back. */
const reobserveMs = 300_000;
const retryMs = 1_000;
/** How long a new pod waits for its rules; then its sandbox fails and is tried again. */
const protectMaxMs = 15_000;

/**
 * Keeps the node's rules equal to NetworkPolicies. When the process ends the rules stay, and nothing is changed before all that
 * they depend on is known again.
 */
export class NetworkPolicies {
  readonly #deps: NetworkPoliciesDeps;
  readonly #table: string;
  readonly #subjects = new Subjects();
  readonly #peers: PeerWatch;
  readonly #waiting = new Set<() => void>();
  #ruleset: PolicyRuleset | undefined;
  #kernel: KernelState | undefined;
  #wake: () => void = () => {};
  #isFollowing = false;
  /** Grows with each change of pods and policies; `#applied` says which of them the kernel has. */
  #version = 1;
  #applied = 0;
  #failure: string | undefined;

  constructor(deps: NetworkPoliciesDeps, { clusterId }: { readonly clusterId: string }) {
    this.#deps = deps;
    this.#table = policyTableName(clusterId);
    this.#peers = new PeerWatch(deps.watch, deps.clock, () => this.#wake());
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stops = this.follow();
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      if (!this.#isDue) await this.#idle();
      else {
        await this.#sync(signal);
        await this.#deps.clock.sleep(spacingMs, signal).catch(() => {}); // the loop looks at the signal
      }
    }
    for (const stop of stops) stop();
    await this.#peers.stop();
  }

  /**
   * Resolves when the kernel has what the pod's policies demand, at once when there are none. Throws when this is not so in time: what
   * is wrong is in the message, and no container of the pod may start.
   */
  async protect({ pod, sandboxId, ips }: PodAttachment, signal: AbortSignal): Promise<void> {
    this.#subjects.attach(pod.uid, sandboxId, ips);
    this.#change();
    const wanted = this.#version;
    const isKnown = () =>
      this.#isSynced && this.#deps.pods.get(`${pod.namespace}/${pod.name}`)?.metadata.uid === pod.uid;
    const isProtected = () => isKnown() && (this.#applied >= wanted || !this.#subjects.isSelected(pod.uid));
    if (isProtected()) return;
    const why = () =>
      isKnown() ? (this.#failure ?? this.#missing ?? 'the kernel is busy') : 'the pod or its policies are not known';
    await this.#until(isProtected, why, signal);
  }

  /** The pod's sandbox is gone. */
  release({ pod, sandboxId }: Pick<PodAttachment, 'pod' | 'sandboxId'>): void {
    this.#subjects.detach(pod.uid, sandboxId);
    this.#change();
  }

  /** One round: plan, observe if needed, apply. Answers whether anything had to change. Throws when the kernel refuses. */
  async apply(signal: AbortSignal): Promise<boolean> {
    this.#kernel ??= await this.#observe(signal);
    const version = this.#version;
    const ruleset = this.#plan();
    if (this.#missing) {
      this.#kernel = undefined; // sets that are kept from now on are not those that were applied
      return false;
    }
    const memberChanges = this.#peers.index.drain();
    const members = (set: string) => this.#peers.index.elements(set);
    const transaction = planTransaction(this.#table, this.#kernel, { ruleset, members, memberChanges });
    if (transaction) {
      this.#kernel = undefined; // until it is known to have gone through
      await this.#carryOut(transaction, signal);
    }
    this.#kernel = { kind: 'applied', ruleset };
    this.#applied = version;
    return transaction !== undefined;
  }

  #carryOut(transaction: PolicyTransaction, signal: AbortSignal): Promise<void> {
    const { host } = this.#deps;
    if (transaction.kind === 'script') return host.nft(transaction.script, { signal });
    const [add, remove] = [transaction.add.map(kernelElement), transaction.remove.map(kernelElement)];
    return host.nftElements({ table: { family: 'inet', name: this.#table }, add, remove }, { signal });
  }

  get #isSynced(): boolean {
    return this.#isFollowing && this.#deps.pods.isSynced && this.#deps.networkPolicies.isSynced;
  }

  get #isDue(): boolean {
    if (!this.#isSynced) return false;
    const isWaitingForPeers = this.#missing !== undefined && this.#ruleset !== undefined;
    return this.#kernel === undefined
      ? !isWaitingForPeers
      : this.#applied < this.#version || this.#peers.index.hasChanges;
  }

  /** What the rules need and is not there yet. */
  get #missing(): string | undefined {
    const needsPeers = this.#ruleset !== undefined && this.#ruleset.memberSets.size > 0;
    return needsPeers && !this.#peers.index.isSynced ? "the cluster's pods are not known" : undefined;
  }

  /** Hears of changes from now on; `run` does it itself. Answers how to stop. */
  follow(): readonly (() => void)[] {
    const { pods, networkPolicies } = this.#deps;
    const added = <T extends KubeObject>(object: T) => ({ key: keyOf(object), before: undefined, after: object });
    this.#subjects.changePolicies(networkPolicies.list().map(added));
    this.#subjects.changePods(pods.list().map(added));
    this.#isFollowing = true;
    return [
      networkPolicies.subscribe((changes) => {
        this.#subjects.changePolicies(changes);
        this.#change();
      }),
      pods.subscribe((changes) => {
        if (this.#subjects.changePods(changes)) this.#change();
      }),
      pods.when(
        () => pods.isSynced,
        () => this.#wake(),
      ),
      networkPolicies.when(
        () => networkPolicies.isSynced,
        () => this.#wake(),
      ),
    ];
  }

  #change(): void {
    this.#version++;
    this.#ruleset = undefined;
    this.#wake();
  }

  #plan(): PolicyRuleset {
    if (this.#ruleset) return this.#ruleset;
    const ruleset = planPolicies(this.#subjects.list());
    this.#ruleset = ruleset;
    this.#peers.index.keep(ruleset.memberSets);
    this.#peers.need(ruleset.memberSets.size > 0);
    return ruleset;
  }

  async #observe(signal: AbortSignal): Promise<KernelState> {
    const table = observeTable(await this.#deps.host.nftList(['table', 'inet', this.#table], { signal }));
    if (!table) return { kind: 'nothing' };
    if (this.#applied === 0) this.#inherit(table);
    return { kind: 'listed', table };
  }

  /** A pod that had started when the last run died may have an address that the API was never told. */
  #inherit({ pods }: ObservedTable): void {
    for (const [ip, pod] of pods) this.#subjects.inherit(ip, pod);
    this.#ruleset = undefined;
  }

  async #sync(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#deps;
    try {
      const begin = clock.monotonicMs();
      const hasChanged = await this.apply(signal);
      this.#failure = undefined;
      if (hasChanged) log.debug({ ms: clock.monotonicMs() - begin }, 'network policies applied');
      for (const look of this.#waiting) look();
    } catch (error) {
      if (signal.aborted) return;
      this.#kernel = undefined;
      this.#failure = messageOf(error);
      log.error({ err: error }, 'network policies could not be applied');
      await clock.sleep(retryMs, signal).catch(() => {}); // the loop looks at the signal
    }
  }

  #until(isDone: () => boolean, why: () => string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(look);
      };
      const look = () => {
        if (!isDone()) return;
        end();
        resolve();
      };
      const onAbort = () => {
        end();
        reject(signal.reason);
      };
      const cancel = this.#deps.clock.after(protectMaxMs, () => {
        end();
        reject(new Error(`network policies of the pod are not in force after ${protectMaxMs / 1000} s: ${why()}`));
      });
      this.#waiting.add(look);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  /** Until a change, or until it is time to look at the kernel again. */
  #idle(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.after(reobserveMs, () => {
        this.#kernel = undefined;
        this.#wake();
      });
      this.#wake = () => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
    });
  }
}
