/**
 * The loop around `schedule`: pods that want a node are taken from the queue one after another, decided on, assumed
 * and bound. Deciding is serial, because each decision uses up room that the next one must see; binding runs beside it.
 */
import { isStatus } from '@slipway/api/status-error';
import type { KubeObject, Node, Pod } from '@slipway/api/types';
import type { CacheReader, Change } from '@slipway/client/cache';
import type { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { ClusterState } from './cluster-state.ts';
import { schedule } from './cycle.ts';
import { FailureReporter } from './failure-reporter.ts';
import { type PodInfo, podInfoFrom } from './pod-info.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

/** Records an event about an object; never fails, never waits. */
export type RecordEvent = (about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface SchedulerDeps {
  readonly pods: CacheReader<Pod>;
  readonly nodes: CacheReader<Node>;
  readonly client: Client;
  readonly recordEvent: RecordEvent;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Pods whose spec.schedulerName names another scheduler are left alone. */
export const schedulerName = 'default-scheduler';

/** Bindings in flight at once: enough to fill a group commit of the store, few enough to bound memory. */
const bindingsMax = 128;

/** Decisions between two turns of the event loop, so that a long queue starves nobody else in the process. */
const decisionsPerTurn = 32;

export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #queue: SchedulingQueue;
  readonly #state = new ClusterState();
  readonly #reporter: FailureReporter;
  /** Uids of pods that were assumed and whose binding is under way. */
  readonly #binding = new Map<string, Promise<void>>();
  #start = 0;
  #wake: () => void = () => {};

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#queue = new SchedulingQueue(deps.clock);
    this.#reporter = new FailureReporter(deps);
  }

  /** Runs until the signal aborts; resolves when the bindings under way have ended. The caches are synced by then or later. */
  async run(signal: AbortSignal): Promise<void> {
    const stops = this.#observe();
    const reporting = this.#reporter.run(signal);
    const wake = () => this.#wake();
    this.#queue.onReady = wake;
    signal.addEventListener('abort', wake);
    while (!signal.aborted) {
      await this.#drain(signal);
      if (!signal.aborted && this.#queue.activeSize === 0) await this.#sleepUntilWoken();
    }
    for (const stop of stops) stop();
    signal.removeEventListener('abort', wake);
    this.#queue.clear();
    await Promise.all([...this.#binding.values(), reporting]);
  }

  #sleepUntilWoken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #drain(signal: AbortSignal): Promise<void> {
    for (let decisions = 1; !signal.aborted; decisions++) {
      if (this.#binding.size >= bindingsMax) await Promise.race(this.#binding.values());
      const pod = this.#queue.take();
      if (!pod) return;
      this.#decide(pod, signal);
      if (decisions % decisionsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #decide(pod: PodInfo, signal: AbortSignal): void {
    const decision = schedule(pod, this.#state.nodes, this.#deps.random, this.#start);
    if ('unschedulable' in decision) {
      this.#queue.park(pod.uid, decision.unschedulable.filters);
      this.#reporter.report(pod, decision.unschedulable.message);
      return;
    }
    this.#start = decision.nextStart;
    this.#state.placePod(pod, decision.node);
    const bound = this.#bind(pod, decision.node, signal).finally(() => this.#binding.delete(pod.uid));
    this.#binding.set(pod.uid, bound);
  }

  async #bind(pod: PodInfo, node: string, signal: AbortSignal): Promise<void> {
    const { client, recordEvent, log } = this.#deps;
    const { name = '', namespace, uid, resourceVersion } = pod.pod.metadata;
    const object = {
      kind: 'Pod',
      name,
      ...(namespace ? { namespace } : {}),
      ...(uid ? { uid } : {}),
      ...(resourceVersion ? { resourceVersion } : {}),
    };
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    try {
      await client.createSubresource(kinds.pods, { namespace, name }, 'binding', binding, {
        signal,
        cause: { controller: 'scheduler', object },
      });
      this.#queue.remove(pod.uid);
      this.#reporter.forget(pod.uid);
      recordEvent(pod.pod, 'Normal', 'Scheduled', `Successfully assigned ${pod.key} to ${node}`);
      this.#queue.wake('podPlaced');
    } catch (error) {
      if (signal.aborted) return;
      this.#undoAssumption(pod.uid);
      if (!isStatus(error, 'NotFound', 'Conflict'))
        log.warn({ pod: pod.key, node, error: messageOf(error) }, 'binding failed, will try again');
      this.#queue.retry(pod.uid);
    }
  }

  /** Gives the room back, unless the cache knows by now that the pod runs there after all. */
  #undoAssumption(uid: string): void {
    this.#state.removePod(uid);
    this.#queue.wake('podRemoved');
  }

  #observe(): (() => void)[] {
    const { nodes, pods } = this.#deps;
    for (const node of nodes.list()) this.#state.setNode(node);
    this.#onPods(pods.list().map((pod) => ({ key: '', before: undefined, after: pod })));
    return [nodes.subscribe((changes) => this.#onNodes(changes)), pods.subscribe((changes) => this.#onPods(changes))];
  }

  #onNodes(changes: readonly Change<Node>[]): void {
    for (const { before, after } of changes) {
      if (after) {
        this.#state.setNode(after);
        if (!before) this.#queue.wake('nodeAdded');
        else if (offersMore(before, after)) this.#queue.wake('nodeChanged');
      } else if (before?.metadata.name) {
        this.#state.removeNode(before.metadata.name);
      }
    }
  }

  #onPods(changes: readonly Change<Pod>[]): void {
    let freed = false;
    for (const { before, after } of changes) {
      if (before && before.metadata.uid !== after?.metadata.uid)
        freed = this.#forget(before.metadata.uid ?? '') || freed;
      if (after) freed = this.#see(after) || freed;
    }
    if (freed) this.#queue.wake('podRemoved');
  }

  /** Answers whether room became free. */
  #see(pod: Pod): boolean {
    const uid = pod.metadata.uid ?? '';
    const isFinished = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (isFinished) return this.#forget(uid);
    if (pod.spec.nodeName) {
      this.#queue.remove(uid);
      this.#reporter.forget(uid);
      this.#state.placePod(podInfoFrom(pod), pod.spec.nodeName);
      return false;
    }
    const info = podInfoFrom(pod);
    const wantsUs = (pod.spec.schedulerName ?? schedulerName) === schedulerName;
    if (pod.metadata.deletionTimestamp || info.gated || !wantsUs) this.#queue.remove(uid);
    else if (!this.#binding.has(uid)) this.#queue.put(info);
    return false;
  }

  #forget(uid: string): boolean {
    this.#queue.remove(uid);
    this.#reporter.forget(uid);
    return this.#state.removePod(uid);
  }
}

/** Heartbeats and conditions change a node without changing what fits on it. */
function offersMore(before: Node, after: Node): boolean {
  const shown = (node: Node) =>
    JSON.stringify([node.spec.taints, node.spec.unschedulable, node.metadata.labels, node.status?.allocatable]);
  return shown(before) !== shown(after);
}
