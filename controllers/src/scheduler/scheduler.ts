/**
 * The loop around `schedule`: pods that want a node are taken from the queue one after another, decided on, assumed
 * and bound. Deciding is serial, because each decision uses up room that the next one must see; binding runs beside it.
 */
import { nextTurn } from '@slipway/kit/next-turn';
import { isStatus } from '@slipway/api/status-error';
import type { Client } from '@slipway/client/client';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { type Binder, binders, type Permit, permits } from './binding/bind.ts';
import { ClusterState } from './cluster/cluster-state.ts';
import { ClusterWatch, type SchedulerSources } from './cluster-watch.ts';
import { WishedProfiles } from './configuration/wished-profile.ts';
import { defaultConfiguration, type Profile, type SchedulerConfiguration } from './configuration/profile.ts';
import { type Misfit, schedule } from './cycle/schedule.ts';
import { aboutPod, FailureReporter, type RecordEvent } from './failure-reporter.ts';
import { keyOfPod, likenessOf, type PendingPod } from './pods/pod-info.ts';
import { evictVictims } from './preemption/evict-victims.ts';
import { planPreemption } from './preemption/plan-preemption.ts';
import type { ClusterEvent } from './queue/cluster-event.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';

export interface SchedulerDeps {
  readonly sources: SchedulerSources;
  readonly client: Client;
  readonly recordEvent: RecordEvent;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly configuration?: SchedulerConfiguration;
  readonly permits?: readonly Permit[];
  readonly binders?: readonly Binder[];
}

/** Bindings in flight at once: enough to fill a group commit of the store, few enough to bound memory. */
const bindingsMax = 128;

/** Between two turns of the event loop, so that a long queue starves nobody else in the process. */
const decisionsPerTurn = 64;
const turnMsMax = 8;

/** Failures that are remembered for pods that are alike; see `#failed`. */
const failuresMax = 1024;

interface Failure {
  readonly version: number;
  readonly message: string;
  readonly rejectedBy: ReadonlySet<string>;
}

export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #wished = new WishedProfiles();
  readonly #queue: SchedulingQueue;
  readonly #state: ClusterState;
  readonly #reporter: FailureReporter;
  /** Uids of pods that were assumed and whose binding is under way. */
  readonly #binding = new Set<string>();
  /** Work that goes on beside deciding; waited for at the end. */
  readonly #beside = new Set<Promise<void>>();
  /** What became of a pod at one version of the cluster becomes of every pod that is like it. */
  readonly #failures = new Map<string, Failure>();
  #start = 0;
  #wake: () => void = () => {};
  #bindingEnded: () => void = () => {};

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    const { profiles, podInitialBackoffMs, podMaxBackoffMs } = deps.configuration ?? defaultConfiguration;
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]));
    const { claims, volumes, storageClasses, pods } = deps.sources;
    this.#state = new ClusterState({
      claim: (namespace, name) => claims.get(`${namespace}/${name}`),
      volume: (name) => volumes.get(name),
      storageClass: (name) => storageClasses.get(name),
    });
    this.#queue = new SchedulingQueue({
      clock: deps.clock,
      mayHelp: (filter, pod, event) => this.#mayHelp(filter, pod, event),
      backoff: { baseMs: podInitialBackoffMs, maxMs: podMaxBackoffMs },
    });
    this.#reporter = new FailureReporter({ ...deps, pods });
  }

  /** Runs until the signal aborts; resolves when the bindings under way have ended. The caches are synced by then or later. */
  async run(signal: AbortSignal): Promise<void> {
    const watch = new ClusterWatch(this.#state, {
      schedulerNames: new Set(this.#profiles.keys()),
      want: (pod) => {
        if (!this.#binding.has(pod.uid)) this.#queue.put(pod);
      },
      release: (uid) => {
        this.#queue.remove(uid);
        this.#reporter.forget(uid);
      },
      wake: (events) => this.#queue.wake(events),
    });
    const wake = () => this.#wake();
    this.#queue.onReady = wake;
    signal.addEventListener('abort', wake);
    const stop = watch.observe(this.#deps.sources);
    const reporting = this.#reporter.run(signal);
    while (!signal.aborted) {
      await this.#drain(signal);
      if (!signal.aborted) await this.#sleepUntilWoken();
    }
    stop();
    signal.removeEventListener('abort', wake);
    this.#queue.clear();
    await Promise.all([...this.#beside, reporting]);
  }

  #sleepUntilWoken(): Promise<void> {
    if (this.#queue.isReady) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #drain(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    let turnMs = clock.monotonicMs();
    for (let decisions = 1; !signal.aborted; decisions++) {
      if (this.#binding.size >= bindingsMax) {
        await new Promise<void>((resolve) => {
          this.#bindingEnded = resolve;
        });
        if (signal.aborted) return;
        turnMs = clock.monotonicMs();
      }
      const pod = this.#queue.take();
      if (!pod) return;
      this.#decide(pod, signal);
      if (decisions % decisionsPerTurn !== 0 && clock.monotonicMs() - turnMs < turnMsMax) continue;
      await nextTurn();
      turnMs = clock.monotonicMs();
    }
  }

  #profileOf({ demand: { schedulerName, wishes } }: PendingPod): Profile | undefined {
    const profile = this.#profiles.get(schedulerName);
    return profile && this.#wished.of(profile, wishes);
  }

  #mayHelp(filter: string, pod: PendingPod, event: ClusterEvent): boolean {
    const profile = this.#profileOf(pod);
    if (!profile) return false;
    const found = profile.filters.find(({ name }) => name === filter);
    return found ? found.mayHelp(pod, event, this.#state, profile.args) : event.kind === 'nodeAdded';
  }

  #decide(pod: PendingPod, signal: AbortSignal): void {
    const profile = this.#profileOf(pod);
    if (!profile) {
      this.#queue.remove(pod.uid);
      return;
    }
    const failure = this.#knownFailure(pod);
    if (failure) {
      this.#park(pod, failure);
      return;
    }
    const decision = schedule(pod, this.#state, profile, this.#deps.random, this.#start);
    if (decision.outcome === 'misfit') {
      this.#preempt(pod, decision, profile, signal);
      return;
    }
    this.#start = decision.nextStart;
    const nodeName = decision.node.name;
    this.#state.placePod(pod, nodeName);
    this.#endNomination(pod.uid, nodeName);
    this.#binding.add(pod.uid);
    this.#doBeside(this.#bind(pod, nodeName, signal));
  }

  #knownFailure(pod: PendingPod): Failure | undefined {
    const failure = this.#failures.get(likenessOf(pod));
    const isCurrent = failure?.version === this.#state.version && this.#state.nominations.of(pod.uid) === undefined;
    return isCurrent ? failure : undefined;
  }

  #preempt(pod: PendingPod, misfit: Misfit, profile: Profile, signal: AbortSignal): void {
    const { rejectedBy } = misfit;
    if (!profile.preempts || this.#state.nodes.length === 0) {
      this.#fail(pod, misfit.message, rejectedBy);
      return;
    }
    const { budgets } = this.#deps.sources;
    const view = {
      version: budgets.resourceVersion,
      inNamespace: (namespace: string) => budgets.inNamespace(namespace),
    };
    const plan = planPreemption(pod, misfit, this.#state, profile, view, this.#deps.random);
    if (plan.outcome === 'none') {
      const message = `${misfit.message} ${plan.message}`;
      const hasLost = !plan.keepsNomination && this.#endNomination(pod.uid);
      this.#fail(pod, message, rejectedBy, hasLost);
      return;
    }
    const { candidate, outranked } = plan;
    this.#state.nominations.set(pod, candidate.node.name);
    this.#queue.park(pod.uid, rejectedBy);
    this.#reporter.report(pod, misfit.message, candidate.node.name);
    for (const { uid } of outranked) {
      this.#state.nominations.delete(uid);
      const other = this.#queue.get(uid);
      if (other) this.#reporter.endNomination(other);
      this.#queue.activate(uid);
    }
    this.#doBeside(this.#evict(pod, candidate, signal));
  }

  async #evict(pod: PendingPod, candidate: Parameters<typeof evictVictims>[1], signal: AbortSignal): Promise<void> {
    try {
      await evictVictims(pod, candidate, this.#deps, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#deps.log.warn({ pod: keyOfPod(pod), error: messageOf(error) }, 'could not make room, will try again');
      this.#queue.retry(pod.uid);
    }
  }

  #fail(pod: PendingPod, message: string, rejectedBy: ReadonlySet<string>, hasLostNomination = false): void {
    const failure = { version: this.#state.version, message, rejectedBy };
    if (this.#failures.size >= failuresMax) this.#failures.clear();
    this.#failures.set(likenessOf(pod), failure);
    this.#park(pod, failure, hasLostNomination ? null : undefined);
  }

  #park(pod: PendingPod, { message, rejectedBy }: Failure, nominatedNode?: null): void {
    this.#queue.park(pod.uid, rejectedBy);
    this.#reporter.report(pod, message, nominatedNode);
  }

  async #bind(pod: PendingPod, nodeName: string, signal: AbortSignal): Promise<void> {
    const { client, recordEvent, log } = this.#deps;
    try {
      if (!(await this.#isPermitted(pod, nodeName, signal))) return this.#undo(pod);
      const [binder] = this.#deps.binders ?? binders;
      await binder?.bind(pod, nodeName, client, signal);
      this.#endBinding(pod.uid);
      this.#queue.remove(pod.uid);
      this.#reporter.forget(pod.uid);
      recordEvent(aboutPod(pod), 'Normal', 'Scheduled', `Successfully assigned ${keyOfPod(pod)} to ${nodeName}`);
    } catch (error) {
      if (signal.aborted) {
        this.#endBinding(pod.uid);
        return;
      }
      if (!isStatus(error, 'NotFound', 'Conflict'))
        log.warn({ pod: keyOfPod(pod), node: nodeName, error: messageOf(error) }, 'binding failed, will try again');
      this.#undo(pod);
    }
  }

  async #isPermitted(pod: PendingPod, nodeName: string, signal: AbortSignal): Promise<boolean> {
    for (const permit of this.#deps.permits ?? permits) {
      if ((await permit.permit(pod, nodeName, signal)) === 'refused') return false;
    }
    return true;
  }

  /** Gives the room back, unless the cache knows by now that the pod runs there after all. */
  #undo(pod: PendingPod): void {
    this.#endBinding(pod.uid);
    const known = this.#deps.sources.pods.get(keyOfPod(pod));
    if (known?.metadata.uid === pod.uid && known.spec.nodeName) return;
    const removed = this.#state.removePod(pod.uid);
    this.#queue.retry(pod.uid);
    if (removed) this.#queue.wake([{ kind: 'podRemoved', ...removed }]);
  }

  /** The pod has a node, or nothing to wait for: room that was kept for it elsewhere is free. Answers whether there was any. */
  #endNomination(uid: string, nodeName?: string): boolean {
    const kept = this.#state.nominations.delete(uid);
    const node = kept === nodeName ? undefined : this.#state.node(kept ?? '');
    if (node) this.#queue.wake([{ kind: 'nominationEnded', node }]);
    return kept !== undefined;
  }

  #endBinding(uid: string): void {
    this.#binding.delete(uid);
    this.#bindingEnded();
  }

  #doBeside(work: Promise<void>): void {
    this.#beside.add(work);
    void work.finally(() => this.#beside.delete(work));
  }
}
