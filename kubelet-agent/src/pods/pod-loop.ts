/**
 * One loop for all pods of the node. A key is a pod's UID; a round of a key is: observe, plan, derive and tell the
 * status, begin the planned steps. Steps run beside the loop, so a slow pull or a long grace holds up nothing; when one
 * ends, its pod gets another round. Rounds of one pod never overlap.
 *
 * What wakes a pod: its object, a change of its containers, a probe's verdict, a step's end, a referenced object, a
 * time that its plan named. None of them is told to the plan, which looks at everything anew.
 */
import type { Pod, PodStatus } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import { childSignal, isAbort } from '@slipway/kit/abort';
import { backoffMs } from '@slipway/kit/backoff';
import { messageOf } from '@slipway/kit/errors';
import { InvariantError } from '@slipway/kit/invariant';
import { KeyedQueue } from '@slipway/kit/keyed-queue';
import type { ProbeResults } from '../probes/probe-results.ts';
import { admitPod } from './admit-pod.ts';
import { errorShownMs } from './container-status.ts';
import { currentSandbox, type ObservedPod } from './observed-pod.ts';
import { isHookPending, type ObserveDeps, observePod } from './observe-pod.ts';
import { planPod } from './plan-pod.ts';
import { findContainer, isTerminalPhase } from './pod-containers.ts';
import { type PodDeps, tell } from './pod-deps.ts';
import { podNameLabel, podNamespaceLabel, podUidLabel } from './pod-labels.ts';
import { podStatus } from './pod-status.ts';
import { podFacts, podStepHandlers, type StepContext } from './pod-step-handlers.ts';
import { isSetUpStep, type PodStep, type PodStepHandlers, stepKey } from './pod-steps.ts';
import { forgottenPod, podAsTold, podWithStatus, podWork, type PodWork } from './pod-work.ts';
import { backoffEvents } from './status-events.ts';
import { StatusWriter } from './status-writer.ts';
import { StepError, stepBackoff } from './step-error.ts';

export interface PodLoopDeps extends PodDeps {
  /** The pods that are bound to this node. */
  readonly pods: { readonly ready: Promise<void>; readonly cache: CacheReader<Pod> };
}

/** Rounds are short and mostly wait for the runtime; more would only contend for it. */
const workers = 16;
const changesRetryMs = 500;
/** How often the node's images are looked at for pods that wait for one. */
const imageLookMs = 2_000;

export class PodLoop {
  readonly #deps: PodLoopDeps;
  readonly #observeDeps: ObserveDeps;
  readonly #queue: KeyedQueue;
  readonly #work = new Map<string, PodWork>();
  readonly #statuses: StatusWriter;
  readonly #handlers: PodStepHandlers<StepContext>;
  readonly #lastStatus = new Map<string, PodStatus>();

  constructor(deps: PodLoopDeps) {
    this.#deps = deps;
    this.#queue = new KeyedQueue(deps.clock);
    this.#statuses = new StatusWriter({ ...deps, onTold: (uid, status) => this.#told(uid, status) });
    this.#handlers = podStepHandlers(deps, this.#statuses);
    this.#observeDeps = { ...deps, probeResults: (id) => deps.probes.results(id) };
    deps.objects.onChange((podUids) => this.#retryNow(podUids));
  }

  /** Gives a pod another round: a probe, say, has come to a verdict. */
  wake(podUid: string): void {
    if (this.#work.has(podUid)) this.#queue.add(podUid);
  }

  /** Pods that the node has, with the newest status. */
  pods(): Pod[] {
    return [...this.#work.values()].filter(({ gone }) => !gone).map(podAsTold);
  }

  get isIdle(): boolean {
    return this.#queue.isIdle && [...this.#work.values()].every(({ inFlight }) => inFlight.size === 0);
  }

  /** Runs until aborted and every step has ended. Containers keep running. */
  async run(signal: AbortSignal): Promise<void> {
    const { pods } = this.#deps;
    await Promise.race([pods.ready, aborted(signal)]);
    if (signal.aborted) return;
    const unsubscribe = pods.cache.subscribe((changes) => {
      for (const { before, after } of changes) {
        const isOther = before && after && before.metadata.uid !== after.metadata.uid;
        if (before && (!after || isOther)) this.#podGone(before);
        if (after) this.#podSeen(after);
      }
    });
    try {
      await this.#adopt(signal);
      await Promise.all([
        this.#queue.run(workers, (uid) => this.#round(uid, signal), signal),
        this.#statuses.run(signal),
        this.#followRuntime(signal),
        this.#followImages(signal),
      ]);
      await Promise.allSettled(
        [...this.#work.values()].flatMap(({ inFlight }) => [...inFlight.values()].map(({ done }) => done)),
      );
    } finally {
      unsubscribe();
    }
  }

  /** Pods from the API, and what the runtime or the disk still has of pods that the API has no more. */
  async #adopt(signal: AbortSignal): Promise<void> {
    const { pods, runtime, volumes } = this.#deps;
    const list = [...pods.cache.list()].sort((a, b) => Number(isStarted(b)) - Number(isStarted(a)));
    for (const pod of list) this.#podSeen(pod);
    for (const { metadata, labels } of await runtime.listPodSandboxes({}, signal)) {
      if (labels[podUidLabel] !== metadata.uid || this.#work.has(metadata.uid)) continue;
      const name = labels[podNameLabel] ?? metadata.name;
      this.#orphanSeen({ name, namespace: labels[podNamespaceLabel] ?? metadata.namespace, uid: metadata.uid });
    }
    for (const uid of await volumes.podsOnDisk()) {
      if (!this.#work.has(uid)) this.#orphanSeen({ name: '', namespace: '', uid });
    }
  }

  #orphanSeen(identity: { readonly name: string; readonly namespace: string; readonly uid: string }): void {
    this.#deps.log.info({ ...identity }, 'pod is no longer in the API, taking it down');
    this.#work.set(identity.uid, podWork(forgottenPod(identity), true));
    this.#queue.add(identity.uid);
  }

  #podSeen(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const known = this.#work.get(uid);
    if (known) {
      const before = known.pod;
      known.pod = pod;
      if (before.spec !== pod.spec || before.metadata !== pod.metadata) {
        this.#deps.volumes.podChanged(podFacts(pod, [], this.#deps));
      }
      this.#hurryStops(known);
      this.#statuses.seen(pod);
    } else {
      const work = podWork(pod, false);
      if (!isStarted(pod)) work.rejection = this.#admit(pod);
      this.#work.set(uid, work);
    }
    this.#queue.add(uid);
  }

  #podGone(pod: Pod): void {
    const work = this.#work.get(pod.metadata.uid ?? '');
    if (!work) return;
    work.gone = true;
    work.pod = pod;
    this.#statuses.forget(work.uid);
    this.#hurryStops(work);
    this.#queue.add(work.uid);
  }

  #admit(pod: Pod) {
    const others = [...this.#work.values()].filter(({ gone, rejection }) => !gone && !rejection).map(podAsTold);
    const rejection = admitPod(pod, others, this.#deps.node());
    if (rejection) tell(this.#deps.events, pod, { type: 'Warning', ...rejection });
    return rejection;
  }

  /** A second delete with a shorter grace cuts a stop short that runs already. */
  #hurryStops({ pod, inFlight }: PodWork): void {
    const seconds = pod.metadata.deletionGracePeriodSeconds;
    if (seconds === undefined) return;
    for (const step of inFlight.values()) {
      if (step.graceMs !== undefined && step.graceMs > Math.max(seconds, 1) * 1000)
        step.abort(new DOMException('shorter grace', 'AbortError'));
    }
  }

  #retryNow(podUids: ReadonlySet<string>): void {
    for (const uid of podUids) {
      const work = this.#work.get(uid);
      if (!work || work.failures.size === 0) continue;
      for (const key of [...work.failures.keys()]) {
        if (key === 'setUpVolumes' || key.startsWith('startContainer:')) work.failures.delete(key);
      }
      this.#queue.add(uid);
    }
  }

  #told(uid: string, status: PodStatus): void {
    const work = this.#work.get(uid);
    if (!work) return;
    work.told = status;
    // A phase that became final is a reason to act: the pod's sandbox and volumes go.
    if (isTerminalPhase(status.phase)) this.#queue.add(uid);
  }

  async #followRuntime(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const { podUid, containerId, containerEventType } of this.#deps.runtime.changes(signal)) {
          if (containerEventType === 'CONTAINER_STOPPED_EVENT') this.#deps.probes.forget(containerId);
          if (this.#work.has(podUid)) this.#queue.add(podUid);
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.log.warn({ error: messageOf(error) }, 'events of the runtime were lost, looking at all pods');
      }
      await this.#deps.clock.sleep(changesRetryMs, signal).catch(() => {});
      for (const uid of this.#work.keys()) this.#queue.add(uid);
    }
  }

  /** An image also comes by another way than the pull that a pod waits to try again: `slipway image load`. */
  async #followImages(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#deps.clock.sleep(imageLookMs, signal).catch(() => {});
      for (const work of this.#work.values()) {
        for (const key of work.failures.keys()) {
          if (!key.startsWith(imageStep) || !(await this.#isImageThere(work.pod, key, signal))) continue;
          work.failures.delete(key);
          this.#queue.add(work.uid);
        }
      }
    }
  }

  async #isImageThere(pod: Pod, key: string, signal: AbortSignal): Promise<boolean> {
    const { image, imagePullPolicy } = findContainer(pod, key.slice(imageStep.length))?.spec ?? {};
    // With `Always` only the registry can say which image is meant.
    if (!image || imagePullPolicy === 'Always') return false;
    const found = await this.#deps.images.imageStatus({ image }, signal).catch(() => undefined);
    return found !== undefined;
  }

  async #round(uid: string, signal: AbortSignal): Promise<void> {
    const work = this.#work.get(uid);
    if (!work || signal.aborted) return;
    try {
      const observed = await observePod(work, this.#observeDeps, signal);
      this.#decide(work, { ...observed, probes: this.#beginProbes(work, observed) }, signal);
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      if (error instanceof InvariantError) throw error;
      this.#deps.log.warn({ podUid: uid, error: messageOf(error) }, 'pod could not be looked at, trying again');
      this.#queue.addAfter(uid, stepBackoff.baseMs);
    }
  }

  #decide(work: PodWork, observed: ObservedPod, signal: AbortSignal): void {
    const nowMs = this.#deps.clock.nowMs();
    const pod = podAsTold(work);
    const plan = planPod(pod, observed, nowMs);
    if (!work.gone) this.#tellStatus(work, observed, nowMs);
    if (plan.abortSetUp) {
      for (const [key, step] of work.inFlight)
        if (isSetUpStep(key)) step.abort(new DOMException('pod ends', 'AbortError'));
    }
    for (const step of plan.steps) this.#begin({ work, pod, observed }, step, signal);
    if (plan.againAtMs !== undefined) this.#queue.addAfter(work.uid, plan.againAtMs - nowMs);
    // The status shows a failure first as itself and then as waiting for the next try.
    for (const { atMs } of work.failures.values()) {
      if (atMs + errorShownMs > nowMs) this.#queue.addAfter(work.uid, atMs + errorShownMs - nowMs);
    }
    if (work.gone && plan.steps.length === 0 && plan.againAtMs === undefined && work.inFlight.size === 0) {
      this.#forget(work.uid);
    }
  }

  #forget(uid: string): void {
    this.#work.delete(uid);
    this.#lastStatus.delete(uid);
    this.#statuses.forget(uid);
    this.#queue.forget(uid);
    this.#deps.objects.release(uid);
    this.#deps.probes.keepOnly(uid, new Set());
  }

  #tellStatus(work: PodWork, observed: ObservedPod, nowMs: number): void {
    const { hostIps } = this.#deps.node();
    // On top of the newest status, told or about to be: transition times must not fall back to those of an older one.
    const pod = podWithStatus(work, this.#lastStatus.get(work.uid) ?? work.told);
    const status = podStatus(pod, observed, { hostIps, nowMs, runtimeName: this.#deps.runtimeName });
    for (const { container, message } of backoffEvents(pod, this.#lastStatus.get(work.uid) ?? pod.status, status)) {
      tell(this.#deps.events, pod, { type: 'Warning', reason: 'BackOff', message, container });
    }
    this.#lastStatus.set(work.uid, status);
    // The end of a deleted pod has been told; that its sandbox goes too is of interest to nobody.
    if (pod.metadata.deletionTimestamp && isTerminalPhase(work.told?.phase)) return;
    this.#statuses.set(work.pod, status);
  }

  /** The results of all running containers. One without probes has its result as soon as it is seen. */
  #beginProbes(work: PodWork, observed: ObservedPod): Map<string, ProbeResults> {
    const { probes } = this.#deps;
    const running = observed.containers.filter(({ state }) => state === 'running');
    probes.keepOnly(work.uid, new Set(running.map(({ id }) => id)));
    const results = new Map(observed.probes);
    for (const { id, name, startedAtMs } of running) {
      const spec = findContainer(work.pod, name)?.spec;
      if (!spec || probes.results(id) || isHookPending(work.pod, name, observed.inFlight)) continue;
      const told = [
        ...(work.pod.status?.containerStatuses ?? []),
        ...(work.pod.status?.initContainerStatuses ?? []),
      ].find(({ containerID }) => containerID?.endsWith(`://${id}`));
      const podIp = podFacts(work.pod, currentSandbox(observed)?.ips ?? [], this.#deps).podIps[0] ?? '';
      const target = { podUid: work.uid, containerId: id, container: spec, podIp, startedAtMs: startedAtMs ?? 0 };
      probes.ensure(target, told ? { started: told.started ?? false, ready: told.ready } : undefined);
      const first = probes.results(id);
      if (first) results.set(id, first);
    }
    return results;
  }

  #begin(context: StepContext, step: PodStep, signal: AbortSignal): void {
    const { work } = context;
    const key = stepKey(step);
    if (work.inFlight.has(key)) return;
    const own = childSignal(signal);
    const before = work.failures.get(key);
    // The mapped type holds the handler and its step together; the compiler cannot see that through the union.
    const handler = this.#handlers[step.step] as (
      context: StepContext,
      step: PodStep,
      signal: AbortSignal,
    ) => Promise<void>;
    const { clock, log } = this.#deps;
    const beginMs = clock.monotonicMs();
    const done = handler(context, step, own.signal)
      .then(() => {
        if (work.failures.get(key) === before) work.failures.delete(key);
        log.debug({ podUid: work.uid, step: key, ms: Math.round(clock.monotonicMs() - beginMs) }, 'step done');
      })
      .catch((error: unknown) => {
        if (own.signal.aborted) return;
        this.#stepFailed(work, key, error);
      })
      .finally(() => {
        work.inFlight.delete(key);
        own.abort();
        this.#queue.add(work.uid);
      });
    const graceMs = step.step === 'stopContainer' ? step.graceMs : undefined;
    work.inFlight.set(key, { abort: own.abort, done, graceMs });
  }

  #stepFailed(work: PodWork, key: string, error: unknown): void {
    const { clock, log } = this.#deps;
    const backoff = error instanceof StepError ? error.backoff : stepBackoff;
    const reason = error instanceof StepError ? error.reason : 'Error';
    const count = (work.failures.get(key)?.count ?? 0) + 1;
    const nowMs = clock.nowMs();
    const retryAtMs = nowMs + backoffMs(count, backoff);
    work.failures.set(key, { reason, message: messageOf(error), atMs: nowMs, retryAtMs, count });
    const { namespace, name } = work.pod.metadata;
    log.warn(
      { pod: `${namespace}/${name}`, podUid: work.uid, step: key, error: messageOf(error) },
      'step failed, trying again',
    );
  }
}

const imageStep = 'ensureImage:';

/** An earlier run of the agent took it: it is not asked again whether it fits. */
function isStarted(pod: Pod): boolean {
  return pod.status?.startTime !== undefined;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
