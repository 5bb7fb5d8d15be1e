import type { Pod } from '@slipway/api/types';
import type { ProbeResults } from '../../probes/probe-results.ts';
import type { ObservedContainer, ObservedImage, ObservedPod, ObservedSandbox, StepFailure } from '../observed-pod.ts';
import { planPod } from '../plan-pod.ts';
import { initContainersOf } from '../pod-containers.ts';
import { podStatus } from '../pod-status.ts';
import { isSetUpStep, type PodStep, stepKey } from '../pod-steps.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** How a container ends by itself: an exit code, or undefined when it runs until it is stopped. */
export type ExitScript = (name: string, attempt: number) => number | undefined;

/**
 * A node with one pod in a few data structures, driven by the real `planPod` and `podStatus`. Steps begin and end
 * separately, in any order that a test chooses; what the agent keeps in memory is lost by `restartAgent`.
 */
export class PodModel {
  pod: Pod;
  nowMs = Date.UTC(2026, 0, 1);
  gone = false;
  sandboxes: Mutable<ObservedSandbox>[] = [];
  containers: Mutable<ObservedContainer>[] = [];
  volumesOnDisk = false;
  filesOnDisk = false;
  readonly started: string[] = [];
  readonly stopped: string[] = [];
  /** Containers whose readiness probe fails. */
  readonly unready = new Set<string>();
  readonly violations: string[] = [];
  againAtMs: number | undefined;

  #volumesReady = false;
  #images = new Map<string, ObservedImage>();
  #failures = new Map<string, StepFailure>();
  readonly inFlight = new Map<string, PodStep>();
  readonly #exits: ExitScript;
  #ids = 0;

  constructor(pod: Pod, exits: ExitScript) {
    this.pod = pod;
    this.#exits = exits;
  }

  observe(): ObservedPod {
    const probes = new Map<string, ProbeResults>();
    for (const { id, name, state } of this.containers)
      if (state === 'running') probes.set(id, { started: true, ready: !this.unready.has(name) });
    return {
      sandboxes: this.sandboxes.map((box) => ({ ...box })).sort((a, b) => b.attempt - a.attempt),
      containers: this.containers.map((container) => ({ ...container })).sort((a, b) => b.attempt - a.attempt),
      volumes: this.#volumesReady ? 'ready' : 'absent',
      volumesOnDisk: this.volumesOnDisk,
      filesOnDisk: this.filesOnDisk,
      images: this.#images,
      failures: this.#failures,
      probes,
      inFlight: new Set(this.inFlight.keys()),
      gone: this.gone,
    };
  }

  /** One round of the loop; answers how many steps it began. */
  round(): number {
    const observed = this.observe();
    const plan = planPod(this.pod, observed, this.nowMs);
    if (!this.gone)
      this.pod = {
        ...this.pod,
        status: podStatus(this.pod, observed, { hostIps: ['10.0.0.1'], runtimeName: 'test', nowMs: this.nowMs }),
      };
    if (plan.abortSetUp) for (const key of [...this.inFlight.keys()]) if (isSetUpStep(key)) this.inFlight.delete(key);
    for (const step of plan.steps) {
      const key = stepKey(step);
      if (this.inFlight.has(key)) this.violations.push(`${key} was planned while it ran`);
      this.inFlight.set(key, step);
    }
    this.againAtMs = plan.againAtMs;
    return plan.steps.length + (plan.abortSetUp ? 1 : 0);
  }

  /** Ends a step that runs, with its effect or with a failure. */
  end(key: string, outcome: 'done' | 'failed' = 'done'): void {
    const step = this.inFlight.get(key);
    if (!step) return;
    this.inFlight.delete(key);
    if (outcome === 'done') {
      this.#failures.delete(key);
      this.#perform(step);
      return;
    }
    const failure = { reason: 'Error', message: `${key} failed`, atMs: this.nowMs, retryAtMs: this.nowMs + 1000 };
    this.#failures.set(key, failure);
  }

  #perform(step: PodStep): void {
    switch (step.step) {
      case 'setUpVolumes':
        this.#volumesReady = true;
        this.volumesOnDisk = true;
        this.filesOnDisk = true;
        break;
      case 'createSandbox':
        if (this.sandboxes.some(({ state }) => state === 'ready')) this.violations.push('two sandboxes at a time');
        this.filesOnDisk = true;
        this.sandboxes.push({
          id: `s${this.#ids++}`,
          attempt: step.attempt,
          state: 'ready',
          createdAtMs: this.nowMs,
          ips: ['10.64.0.2'],
        });
        break;
      case 'ensureImage':
        this.#images.set(step.container, { attempt: step.attempt, imageRef: 'sha256:1' });
        break;
      case 'startContainer':
        this.#start(step);
        break;
      case 'stopContainer':
        this.stopped.push(step.container);
        this.exit(step.containerId, 143);
        break;
      case 'removeContainer':
        this.containers = this.containers.filter(({ id }) => id !== step.containerId);
        break;
      case 'stopSandbox':
        this.killSandbox(step.sandboxId);
        break;
      case 'removeSandbox':
        this.killSandbox(step.sandboxId);
        this.sandboxes = this.sandboxes.filter(({ id }) => id !== step.sandboxId);
        this.containers = this.containers.filter(({ sandboxId }) => sandboxId !== step.sandboxId);
        break;
      case 'tearDownVolumes':
        if (this.containers.some(({ state }) => state === 'running'))
          this.violations.push('volumes taken from a running container');
        this.#volumesReady = false;
        this.volumesOnDisk = false;
        break;
      case 'sweepPod':
        this.filesOnDisk = false;
        break;
      case 'deletePod':
        if (this.containers.some(({ state }) => state === 'running'))
          this.violations.push('deleted while a container runs');
        this.gone = true;
        break;
    }
  }

  #start({ container: name, attempt, backoffMs }: Extract<PodStep, { step: 'startContainer' }>): void {
    const sandbox = this.sandboxes.find(({ state }) => state === 'ready');
    if (!sandbox) return void this.violations.push(`${name} started without a sandbox`);
    if (!this.#volumesReady) this.violations.push(`${name} started without volumes`);
    const others = this.containers.filter((other) => other.name === name);
    if (others.some(({ state }) => state === 'running')) this.violations.push(`${name} runs twice`);
    const key = `${name}#${attempt}`;
    if (this.started.includes(key)) this.violations.push(`${key} started twice`);
    this.#checkOrder(name, sandbox.id);
    this.started.push(key);
    this.containers = this.containers.filter((other) => !(other.name === name && other.attempt === attempt));
    this.containers.push({
      id: `c${this.#ids++}`,
      name,
      sandboxId: sandbox.id,
      attempt,
      state: 'running',
      createdAtMs: this.nowMs,
      startedAtMs: this.nowMs,
      image: `${name}:1`,
      imageRef: 'sha256:1',
      backoffMs,
    });
  }

  #checkOrder(name: string, sandboxId: string): void {
    const init = initContainersOf(this.pod);
    const appsRan = this.containers.some(
      (other) => other.sandboxId === sandboxId && this.pod.spec.containers.some((spec) => spec.name === other.name),
    );
    if (appsRan) return;
    for (const { spec, role } of init) {
      if (spec.name === name) return;
      const latest = this.containers
        .filter((other) => other.name === spec.name && other.sandboxId === sandboxId)
        .sort((a, b) => b.attempt - a.attempt)[0];
      // A sidecar that was seen running may crash before the start that this allowed ends.
      const done = role === 'sidecar' ? latest !== undefined : latest?.state === 'exited' && latest.exitCode === 0;
      if (!done) this.violations.push(`${name} started before ${spec.name} was done`);
    }
  }

  exit(id: string, exitCode: number): void {
    const container = this.containers.find((other) => other.id === id);
    if (container?.state !== 'running') return;
    Object.assign(container, {
      state: 'exited',
      exitCode,
      finishedAtMs: this.nowMs,
      reason: exitCode === 0 ? 'Completed' : 'Error',
    });
  }

  /** Lets running containers end as their script says. True when one did. */
  runScripts(): boolean {
    let ended = false;
    for (const { id, name, attempt, state } of [...this.containers]) {
      const code = state === 'running' ? this.#exits(name, attempt) : undefined;
      if (code === undefined) continue;
      this.exit(id, code);
      ended = true;
    }
    return ended;
  }

  killSandbox(id: string): void {
    const sandbox = this.sandboxes.find((box) => box.id === id);
    if (!sandbox) return;
    sandbox.state = 'notReady';
    for (const container of this.containers) if (container.sandboxId === id) this.exit(container.id, 137);
  }

  /** `kill -9`: what ran in the agent is cut off, containers go on. */
  restartAgent(): void {
    this.#volumesReady = false;
    this.#images = new Map();
    this.#failures = new Map();
    this.inFlight.clear();
  }

  delete(graceSeconds: number): void {
    const deletionTimestamp = new Date(this.nowMs + graceSeconds * 1000).toISOString();
    const metadata = { ...this.pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds };
    this.pod = { ...this.pod, metadata };
  }

  /** Runs without faults until nothing happens any more. Throws when that does not come. */
  settle(roundsMax = 400): void {
    for (let i = 0; i < roundsMax; i++) {
      const began = this.round();
      const running = [...this.inFlight.keys()];
      for (const key of running) this.end(key);
      const ended = this.runScripts();
      if (began > 0 || running.length > 0 || ended) continue;
      if (this.againAtMs === undefined) return;
      this.nowMs = Math.max(this.againAtMs, this.nowMs);
    }
    throw new Error(`no rest after ${roundsMax} rounds: ${JSON.stringify([...this.inFlight.keys()])}`);
  }
}
