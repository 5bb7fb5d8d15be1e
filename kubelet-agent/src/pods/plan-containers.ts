import type { Pod } from '@slipway/api/types';
import {
  currentSandbox,
  latestContainer,
  type ObservedContainer,
  type ObservedPod,
  type ObservedSandbox,
} from './observed-pod.ts';
import { finalEndOf } from './container-ends.ts';
import { obstacleOf } from './container-relations.ts';
import { appContainersOf, initContainersOf, type PodContainer, restartsAfter } from './pod-containers.ts';
import { nextAttempt } from './restart-backoff.ts';

export interface ContainerStart {
  readonly container: PodContainer;
  readonly attempt: number;
  readonly backoffMs: number;
}

export interface ContainerStop {
  readonly observed: ObservedContainer;
  readonly graceMs: number;
  /** The text of the Killing event. */
  readonly message: string;
}

/** What containers want now, before it is known whether their images and the sandbox are there. */
export interface ContainersPlan {
  readonly starts: readonly ContainerStart[];
  readonly stops: readonly ContainerStop[];
  /** All init containers are done and all sidecars have started. */
  readonly initialized: boolean;
  /** The pod has done its work or has failed for good: nothing will be started again. Sidecars may still run. */
  readonly finished: boolean;
  /** The earliest time at which a back-off ends. */
  readonly againAtMs?: number;
}

const graceSecondsDefault = 30;
/** Of what does not end within its grace. */
const killedExitCode = 137;

export function graceMsOf(pod: Pod): number {
  return (pod.spec.terminationGracePeriodSeconds ?? graceSecondsDefault) * 1000;
}

/** Pure: one pass over init containers in order, then over the others. */
export function planContainers(pod: Pod, observed: ObservedPod, nowMs: number): ContainersPlan {
  const draft = new Draft(pod, observed, nowMs);
  const apps = appContainersOf(pod);
  const init = initContainersOf(pod);
  // Before anything else: sidecars that end after the others must not look as if the pod had to go on.
  if (apps.every((container) => draft.isDone(container)) || init.some((container) => draft.hasFailed(container))) {
    return finished;
  }
  const initialized = draft.planInit(
    init,
    apps.some(({ spec }) => draft.ofCurrentSandbox(spec.name)),
  );
  if (initialized) for (const container of apps) draft.planOne(container);
  return draft.result(initialized);
}

const finished: ContainersPlan = { starts: [], stops: [], initialized: false, finished: true };

class Draft {
  readonly #pod: Pod;
  readonly #observed: ObservedPod;
  readonly #nowMs: number;
  readonly #sandbox: ObservedSandbox | undefined;
  readonly #starts: ContainerStart[] = [];
  readonly #stops: ContainerStop[] = [];
  #againAtMs = Number.POSITIVE_INFINITY;

  constructor(pod: Pod, observed: ObservedPod, nowMs: number) {
    this.#pod = pod;
    this.#observed = observed;
    this.#nowMs = nowMs;
    this.#sandbox = currentSandbox(observed);
  }

  ofCurrentSandbox(name: string): ObservedContainer | undefined {
    const container = latestContainer(this.#observed, name);
    return container && container.sandboxId === this.#sandbox?.id ? container : undefined;
  }

  /** Ended for good, or was for good before the runtime forgot it. */
  isDone(container: PodContainer): boolean {
    return finalEndOf(this.#pod, this.#observed, container) !== undefined;
  }

  /** An init container that failed and is not tried again. */
  hasFailed(container: PodContainer): boolean {
    const latest = latestContainer(this.#observed, container.spec.name);
    return container.role === 'init' && latest?.exitCode !== 0 && latest?.state === 'exited' && this.isDone(container);
  }

  /** True when all are done. Starts the next one that is due. */
  planInit(containers: readonly PodContainer[], appsExist: boolean): boolean {
    for (const container of containers) {
      const { spec, role } = container;
      const found = this.ofCurrentSandbox(spec.name);
      if (role === 'init') {
        if (appsExist || (found?.state === 'exited' && found.exitCode === 0)) continue;
        this.planOne(container);
        return false;
      }
      this.planOne(container);
      const started = found?.state === 'running' && (this.#observed.probes.get(found.id)?.started ?? false);
      if (!started && !appsExist) return false;
    }
    return true;
  }

  planOne(container: PodContainer): void {
    const { spec, role } = container;
    const latest = latestContainer(this.#observed, spec.name);
    const found = this.ofCurrentSandbox(spec.name);
    if (found?.state === 'running' || found?.state === 'unknown') {
      this.#planRunning(container, found);
      return;
    }
    if (!latest) {
      const told = (
        role === 'app' ? this.#pod.status?.containerStatuses : this.#pod.status?.initContainerStatuses
      )?.find((status) => status.name === spec.name);
      const attempt = told?.containerID ? told.restartCount + 1 : 0;
      this.#startAt(this.#nowMs, { container, attempt, backoffMs: 0 });
      return;
    }
    if (found?.state === 'created') {
      this.#startAt(this.#nowMs, { container, attempt: found.attempt, backoffMs: found.backoffMs });
      return;
    }
    if (role !== 'init' && latest.state === 'exited' && this.isDone(container)) return;
    const { attempt, startAtMs, backoffMs } = nextAttempt(latest);
    // An init container that succeeded in a sandbox that is gone runs again at once: it did not crash.
    const succeeded = role === 'init' && latest.exitCode === 0;
    this.#startAt(succeeded ? this.#nowMs : startAtMs, { container, attempt, backoffMs });
  }

  #planRunning(container: PodContainer, found: ObservedContainer): void {
    const { spec } = container;
    const failed = this.#observed.probes.get(found.id)?.failed;
    if (failed) {
      const probe = failed === 'startup' ? spec.startupProbe : spec.livenessProbe;
      const graceMs =
        probe?.terminationGracePeriodSeconds === undefined
          ? graceMsOf(this.#pod)
          : probe.terminationGracePeriodSeconds * 1000;
      const then = restartsAfter(this.#pod, container, { exitCode: killedExitCode, ranMs: undefined })
        ? ', will be restarted'
        : '';
      this.#stops.push({ observed: found, graceMs, message: `Container ${spec.name} failed ${failed} probe${then}` });
    } else if (spec.image !== found.image) {
      const message = `Container ${spec.name} definition changed, will be restarted`;
      this.#stops.push({ observed: found, graceMs: graceMsOf(this.#pod), message });
    }
  }

  #startAt(startAtMs: number, start: ContainerStart): void {
    const obstacle = obstacleOf(this.#pod, start.container, this.#observed, this.#nowMs);
    if (obstacle) this.#againAtMs = Math.min(this.#againAtMs, obstacle.untilMs ?? Number.POSITIVE_INFINITY);
    else if (startAtMs <= this.#nowMs) this.#starts.push(start);
    else this.#againAtMs = Math.min(this.#againAtMs, startAtMs);
  }

  result(initialized: boolean): ContainersPlan {
    const again = Number.isFinite(this.#againAtMs) ? { againAtMs: this.#againAtMs } : {};
    return { starts: this.#starts, stops: this.#stops, initialized, finished: false, ...again };
  }
}
