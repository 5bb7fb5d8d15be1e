/**
 * The pods of all nodes of a simulation: one watch of the pods that have a node, one record per pod, one queue of writes. A record is
 * small: the pod itself is kept only while a stage is still to come, so that pods that run cost next to nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import { isStatus } from '@slipway/api/status-error';
import type { Pod } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { createWatcher } from '@slipway/client/watcher';
import { backoffMs } from '@slipway/kit/backoff';
import { messageOf } from '@slipway/kit/errors';
import { KeyedQueue } from '@slipway/kit/keyed-queue';
import { statusPatch } from '../pods/status-patch.ts';
import { afterStage, currentLife, nextStage, type NextStage, type PodLife } from './pod-life.ts';
import { simulatedPodStatus } from './simulated-pod-status.ts';
import { PodIntake } from './pod-intake.ts';
import type { SimulatedNode, SimulatedNodes, SimulationDeps } from './simulated-nodes.ts';
import type { PodAddresses } from './pod-addresses.ts';
import type { Stage } from './stage.ts';

interface Entry {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: SimulatedNode;
  life: PodLife;
  /** The newest that is known of the pod; undefined while it stays as it is. */
  pod: Pod | undefined;
  /** Of that, also when the pod itself has been dropped. */
  version: bigint;
  next: NextStage | undefined;
  /** Its time has come. */
  isDue: boolean;
  /** Somebody else shows the pod otherwise than it is. */
  isContradicted: boolean;
  address: { readonly ip: string; readonly pool: PodAddresses | undefined } | undefined;
  failures: number;
  cancel: () => void;
}

/** At most so many writes about pods at a time. */
const writers = 32;
const retry = { baseMs: 100, maxMs: 10_000, jitter: 0.5 };
/** Before a pod asks again for what it cannot have now: a node that answers, an address. */
const pauseMs = 1000;

export class SimulatedPods {
  readonly #stages: readonly Stage[];
  readonly #nodes: SimulatedNodes;
  readonly #hostIp: string;
  readonly #deps: SimulationDeps;
  readonly #client: Client;
  readonly #queue: KeyedQueue;
  readonly #entries = new Map<string, Entry>();

  constructor(
    options: { readonly stages: readonly Stage[]; readonly nodes: SimulatedNodes; readonly hostIp: string },
    deps: SimulationDeps,
  ) {
    this.#stages = options.stages;
    this.#nodes = options.nodes;
    this.#hostIp = options.hostIp;
    this.#deps = deps;
    this.#client = new Client(deps.transport);
    this.#queue = new KeyedQueue(deps.clock);
  }

  /** Pods that the simulation knows. */
  get size(): number {
    return this.#entries.size;
  }

  /** To be called when the nodes are known: pods of other nodes are not looked at. */
  async run(signal: AbortSignal): Promise<void> {
    const { transport, clock, random, log } = this.#deps;
    const cache = new PodIntake({
      see: (pod) => this.#see(pod),
      forget: (uid) => this.#forget(uid),
      keepOnly: (uids) => {
        for (const uid of this.#entries.keys()) if (!uids.has(uid)) this.#forget(uid);
      },
    });
    const fieldSelector = 'spec.nodeName!=';
    const watcher = createWatcher({ transport, clock, random, log, kind: kinds.pods, cache, fieldSelector });
    await Promise.all([watcher.run(signal), this.#queue.run(writers, (uid) => this.#work(uid, signal), signal)]);
  }

  #see(pod: Pod): void {
    const { uid = '', resourceVersion = '0', deletionTimestamp } = pod.metadata;
    const known = this.#entries.get(uid);
    const version = BigInt(resourceVersion);
    if (!known) {
      this.#meet(pod, version);
      return;
    }
    // Our own writes were answered with something newer already.
    if (version <= known.version) return;
    known.version = version;
    const { state } = known.life;
    const isLeaving = deletionTimestamp !== undefined && state !== 'terminating' && state !== 'gone';
    if (isLeaving) known.life = { ...known.life, state: 'terminating', sinceMs: this.#deps.clock.nowMs() };
    const isOther = isLeaving || !known.next || !known.pod || !sameMarks(known.pod, pod);
    known.pod = pod;
    known.isContradicted = contradicts(pod, known.life);
    if (known.isContradicted) this.#queue.add(uid);
    if (isOther) this.#plan(known);
  }

  #meet(pod: Pod, version: bigint): void {
    const { uid = '', namespace = '', name = '' } = pod.metadata;
    const node = this.#nodes.get(pod.spec.nodeName ?? '');
    if (!node) return;
    const { podIP } = pod.status ?? {};
    const pool = pod.spec.hostNetwork ? undefined : node.pool();
    if (podIP) pool?.keep(podIP);
    const entry: Entry = {
      uid,
      namespace,
      name,
      node,
      life: currentLife(pod, this.#deps.clock.nowMs()),
      pod,
      version,
      next: undefined,
      isDue: false,
      isContradicted: false,
      address: podIP ? { ip: podIP, pool } : undefined,
      failures: 0,
      cancel: () => {},
    };
    this.#entries.set(uid, entry);
    this.#plan(entry);
  }

  #forget(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.cancel();
    entry.address?.pool?.release(entry.address.ip);
    this.#queue.forget(uid);
    this.#entries.delete(uid);
  }

  /** Looks what comes next for the pod, and when. */
  #plan(entry: Entry): void {
    const { pod, life, uid } = entry;
    if (!pod) return;
    const { clock, random, agenda } = this.#deps;
    entry.cancel();
    entry.next = nextStage(this.#stages, pod, life, random);
    if (!entry.next) {
      if (!entry.isContradicted) entry.pod = undefined;
      return;
    }
    // The wall clock may have been set back since.
    const waitMs = Math.min(life.sinceMs + entry.next.delayMs - clock.nowMs(), entry.next.delayMs);
    const fallDue = () => {
      entry.isDue = true;
      this.#queue.add(uid);
    };
    entry.isDue = false;
    if (waitMs <= 0) fallDue();
    else entry.cancel = agenda.after(waitMs, fallDue);
  }

  async #work(uid: string, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry?.pod) return;
    if (entry.node.isSilent) return this.#later(entry, pauseMs);
    const life = this.#advanced(entry, entry.pod);
    if (life === entry.life && !entry.isContradicted) return;
    if (life.state !== 'gone' && !this.#ensureAddress(entry, entry.pod)) return this.#later(entry, pauseMs);
    entry.isContradicted = false;
    try {
      if (life.state === 'gone') await this.#remove(entry, entry.pod, life, signal);
      else await this.#tell(entry, entry.pod, life, signal);
      entry.failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (isStatus(error, 'NotFound')) this.#forget(uid);
      else this.#retry(entry, error);
    }
  }

  /** The life of the pod now: the stage that is due is taken, and those after it that have no delay. */
  #advanced({ life, next, isDue }: Entry, pod: Pod): PodLife {
    const { clock, random } = this.#deps;
    if (!next || !isDue) return life;
    let state = life;
    let due: NextStage | undefined = next;
    // No further than the list is long: one that leads in a circle without a delay would never end.
    for (const _ of this.#stages) {
      if (!due || (state !== life && due.delayMs > 0)) break;
      state = afterStage(due.stage, pod, state, clock.nowMs());
      due = nextStage(this.#stages, pod, state, random);
    }
    return state;
  }

  #ensureAddress(entry: Entry, { spec }: Pod): boolean {
    if (entry.address) return true;
    const pool = spec.hostNetwork ? undefined : entry.node.pool();
    const ip = pool ? pool.take() : this.#hostIp;
    if (ip === undefined) return false;
    entry.address = { ip, pool };
    return true;
  }

  async #tell(entry: Entry, pod: Pod, life: PodLife, signal: AbortSignal): Promise<void> {
    const written = await this.#patchStatus(entry, pod, life, signal);
    const { resourceVersion = '0' } = written.metadata;
    // What happened to the pod meanwhile is planned by whoever saw it.
    if (entry.life.state === 'terminating') return this.#plan(entry);
    entry.life = life;
    if (BigInt(resourceVersion) > entry.version) {
      entry.pod = written;
      entry.version = BigInt(resourceVersion);
    }
    this.#plan(entry);
  }

  async #remove(entry: Entry, pod: Pod, life: PodLife, signal: AbortSignal): Promise<void> {
    // Most pods vanish with their last write; where somebody stays to look at the end, it is told first.
    const isLookedAt = (pod.metadata.finalizers?.length ?? 0) > 0 || pod.spec.restartPolicy !== 'Always';
    if (isLookedAt) await this.#patchStatus(entry, pod, life, signal);
    const { namespace, name, uid } = entry;
    const cause = this.#causeOf(entry);
    await this.#client.delete(kinds.pods, { namespace, name }, { signal, uid, gracePeriodSeconds: 0, cause });
    entry.life = life;
    entry.next = undefined;
    entry.pod = undefined;
  }

  #patchStatus(entry: Entry, pod: Pod, life: PodLife, signal: AbortSignal): Promise<Pod> {
    const { uid, namespace, name } = entry;
    const { clock, random } = this.#deps;
    const restart = life.state === 'exited' ? nextStage(this.#stages, pod, life, random) : undefined;
    const status = simulatedPodStatus(pod, life, {
      hostIp: this.#hostIp,
      podIp: entry.address?.ip,
      restartAfterMs: restart?.delayMs ?? 0,
      nowMs: clock.nowMs(),
    });
    const patch = statusPatch(uid, pod.status, status);
    const options = { type: 'strategic', subresource: 'status', cause: this.#causeOf(entry), signal } as const;
    return this.#client.patch(kinds.pods, { namespace, name }, patch, options);
  }

  #causeOf({ namespace, name, uid }: Entry) {
    return { controller: 'simulated-kubelet', object: { kind: 'Pod', namespace, name, uid } };
  }

  #later(entry: Entry, ms: number): void {
    entry.cancel();
    entry.cancel = this.#deps.agenda.after(ms, () => this.#queue.add(entry.uid));
  }

  #retry(entry: Entry, error: unknown): void {
    entry.failures++;
    const { namespace, name, failures } = entry;
    if (failures === 1)
      this.#deps.log.warn({ pod: `${namespace}/${name}`, error: messageOf(error) }, 'pod not told, trying again');
    this.#later(entry, backoffMs(failures, retry, this.#deps.random));
  }
}

/** Somebody else has said of a pod that runs that it does not, as is done of nodes that were silent. */
function contradicts({ status }: Pod, { state }: PodLife): boolean {
  if (state !== 'ready') return false;
  const ready = status?.conditions?.find(({ type }) => type === 'ContainersReady');
  return status?.phase !== 'Running' || ready?.status !== 'True' || isMarkedNotReady(status.conditions ?? []);
}

function isMarkedNotReady(conditions: NonNullable<NonNullable<Pod['status']>['conditions']>): boolean {
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready?.status === 'False' && ready.reason === undefined;
}

/** Whether stages choose the one as they choose the other. */
function sameMarks(a: Pod, b: Pod): boolean {
  return (
    isDeepStrictEqual(a.metadata.annotations, b.metadata.annotations) &&
    isDeepStrictEqual(a.metadata.labels, b.metadata.labels)
  );
}
