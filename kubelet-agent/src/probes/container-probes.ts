import type { Probe } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { ProbeOutcome, ProbeResults, ProbeType } from './probe-results.ts';
import { afterOutcome, type ProbeState, unprobed } from './probe-state.ts';
import { type ProbeExec, type ProbeTarget, runProbe } from './run-probe.ts';

export interface ProbesDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly exec: ProbeExec;
  /** The pod's summary may have changed. */
  readonly onChange: (podUid: string) => void;
  /** A run that failed, for the Unhealthy event. */
  readonly onUnhealthy: (target: ProbeTarget, type: ProbeType, outcome: ProbeOutcome) => void;
}

/** What an earlier run of the agent told about the container, so that a restart does not make it unready. */
export interface EarlierResults {
  readonly started: boolean;
  readonly ready: boolean;
}

interface Probed {
  readonly target: ProbeTarget;
  readonly probes: Map<ProbeType, ProbeLoop>;
  readonly stop: AbortController;
  readonly earlier: EarlierResults | undefined;
  results: ProbeResults;
}

interface ProbeLoop {
  readonly probe: Probe;
  state: ProbeState;
  quickDelayMs: number;
}

const periodSecondsDefault = 10;
/** A server that starts is asked again soon, not after a whole period: these tries count for nothing but success. */
const quickDelayMs = 50;

/** The probes of the node's running containers. Results are read by container id. */
export class ContainerProbes {
  readonly #deps: ProbesDeps;
  readonly #probed = new Map<string, Probed>();

  constructor(deps: ProbesDeps) {
    this.#deps = deps;
  }

  /** Begins to probe a running container; idempotent by its id. */
  ensure(target: ProbeTarget, earlier?: EarlierResults): void {
    if (this.#probed.has(target.containerId)) return;
    const { startupProbe, livenessProbe, readinessProbe } = target.container;
    const probes = new Map<ProbeType, ProbeLoop>();
    const add = (type: ProbeType, probe: Probe | undefined) => {
      if (probe) probes.set(type, { probe, state: unprobed, quickDelayMs });
    };
    if (!earlier?.started) add('startup', startupProbe);
    add('liveness', livenessProbe);
    add('readiness', readinessProbe);
    const stop = new AbortController();
    const probed: Probed = { target, probes, stop, earlier, results: { started: false, ready: false } };
    probed.results = resultsOf(probed);
    this.#probed.set(target.containerId, probed);
    if (probes.has('startup')) this.#begin(probed, 'startup');
    else this.#beginAll(probed);
  }

  /** Undefined for a container that is not probed (yet). */
  results(containerId: string): ProbeResults | undefined {
    return this.#probed.get(containerId)?.results;
  }

  forget(containerId: string): void {
    this.#probed.get(containerId)?.stop.abort();
    this.#probed.delete(containerId);
  }

  /** Forgets all containers of a pod but these. */
  keepOnly(podUid: string, containerIds: ReadonlySet<string>): void {
    for (const [id, { target }] of this.#probed) if (target.podUid === podUid && !containerIds.has(id)) this.forget(id);
  }

  close(): void {
    for (const id of [...this.#probed.keys()]) this.forget(id);
  }

  #beginAll(probed: Probed): void {
    this.#begin(probed, 'liveness');
    this.#begin(probed, 'readiness');
  }

  #begin(probed: Probed, type: ProbeType): void {
    const loop = probed.probes.get(type);
    if (!loop) return;
    const { clock, random } = this.#deps;
    const dueMs = probed.target.startedAtMs + (loop.probe.initialDelaySeconds ?? 0) * 1000 - clock.nowMs();
    // After a restart of the agent all probes of the node would run in step.
    const jitterMs = probed.earlier ? random.next() * Math.min(periodMs(loop.probe), 5000) : 0;
    this.#after(probed, type, Math.max(dueMs, 0) + jitterMs);
  }

  #after(probed: Probed, type: ProbeType, delayMs: number): void {
    const { signal } = probed.stop;
    if (signal.aborted) return;
    const cancel = this.#deps.clock.after(delayMs, () => {
      signal.removeEventListener('abort', cancel);
      this.#run(probed, type).catch(() => {}); // only our own abort gets here
    });
    signal.addEventListener('abort', cancel, { once: true });
  }

  async #run(probed: Probed, type: ProbeType): Promise<void> {
    const loop = probed.probes.get(type);
    const { signal } = probed.stop;
    if (!loop || signal.aborted) return;
    const outcome = await runProbe(loop.probe, probed.target, this.#deps, signal);
    if (signal.aborted) return;
    const quick = isQuickTry(type, loop, outcome);
    if (!quick) {
      loop.state = afterOutcome(loop.state, outcome, loop.probe);
      if (outcome.result !== 'success') this.#deps.onUnhealthy(probed.target, type, outcome);
    }
    this.#publish(probed);
    if (type === 'startup' && loop.state.verdict === 'success') return this.#beginAll(probed);
    // A failed container is about to be stopped; what the probe says then is of no interest.
    if (loop.state.verdict === 'failure' && type !== 'readiness') return;
    const delayMs = quick ? loop.quickDelayMs : periodMs(loop.probe);
    loop.quickDelayMs *= 2;
    this.#after(probed, type, delayMs);
  }

  #publish(probed: Probed): void {
    const before = probed.results;
    const after = resultsOf(probed);
    probed.results = after;
    if (before.started === after.started && before.ready === after.ready && before.failed === after.failed) return;
    this.#deps.onChange(probed.target.podUid);
  }
}

function periodMs(probe: Probe): number {
  return (probe.periodSeconds ?? periodSecondsDefault) * 1000;
}

/** Only where a try is cheap, and only until the first success or until the delay has grown to a period. */
function isQuickTry(
  type: ProbeType,
  { probe, state, quickDelayMs: delayMs }: ProbeLoop,
  outcome: ProbeOutcome,
): boolean {
  if (outcome.result === 'success' || state.last !== undefined || type === 'liveness') return false;
  return (probe.httpGet !== undefined || probe.tcpSocket !== undefined) && delayMs < periodMs(probe);
}

function resultsOf({ probes, earlier }: Probed): ProbeResults {
  const verdict = (type: ProbeType) => probes.get(type)?.state.verdict;
  const started = !probes.has('startup') || verdict('startup') === 'success';
  const readiness = probes.has('readiness')
    ? (verdict('readiness') ?? (earlier?.ready ? 'success' : 'failure'))
    : 'success';
  const ready = started && readiness === 'success';
  if (verdict('startup') === 'failure') return { started, ready, failed: 'startup' };
  if (verdict('liveness') === 'failure') return { started, ready, failed: 'liveness' };
  return { started, ready };
}
