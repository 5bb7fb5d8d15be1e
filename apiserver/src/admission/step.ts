/** The plugins that look at a kind of write, asked one after the other and measured. */
import { type Phase, seriesOf } from '../metrics/admission-metrics.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionWrite, Operation } from './plugin.ts';

/** One plugin in one of the two steps. */
interface Turn {
  readonly plugin: AdmissionPlugin;
  /** The labels of its metric. */
  readonly passed: string;
  readonly refused: string;
}

export interface Step {
  readonly phase: 'mutate' | 'validate';
  readonly turns: readonly Turn[];
  readonly passed: string;
  readonly refused: string;
}

const phases = { mutate: 'admit', validate: 'validate' } as const satisfies Record<string, Phase>;

export function stepOf(phase: Step['phase'], plugins: readonly AdmissionPlugin[], operation: Operation): Step {
  const type = phases[phase];
  return {
    phase,
    turns: plugins
      .filter((plugin) => plugin[phase] !== undefined)
      .map((plugin) => ({
        plugin,
        passed: seriesOf(type, operation, false, plugin.name),
        refused: seriesOf(type, operation, true, plugin.name),
      })),
    passed: seriesOf(type, operation, false),
    refused: seriesOf(type, operation, true),
  };
}

/** Waits only where a plugin does. */
export function inTurn(step: Step, write: AdmissionWrite, deps: AdmissionDeps, from = 0): void | Promise<void> {
  const { clock, metrics } = deps;
  let beganMs = clock.monotonicMs();
  for (let at = from; at < step.turns.length; at++) {
    const turn = step.turns[at] as Turn;
    const { plugin, passed, refused } = turn;
    const done = (series: string) => {
      const nowMs = clock.monotonicMs();
      metrics.controller(series, (nowMs - beganMs) / 1000);
      beganMs = nowMs;
    };
    let waiting: void | Promise<void>;
    try {
      waiting = plugin[step.phase]?.(write, deps);
    } catch (error) {
      done(refused);
      throw error;
    }
    if (waiting) {
      return waiting.then(
        () => {
          done(passed);
          return inTurn(step, write, deps, at + 1);
        },
        (error) => {
          done(refused);
          throw error;
        },
      );
    }
    done(passed);
  }
}

/** The whole step, as it passes or is refused. */
export function measured(
  { passed, refused }: Step,
  { clock, metrics }: AdmissionDeps,
  run: () => void | Promise<void>,
): void | Promise<void> {
  const beganMs = clock.monotonicMs();
  const done = (series: string) => metrics.step(series, (clock.monotonicMs() - beganMs) / 1000);
  const fail = (error: unknown): never => {
    done(refused);
    throw error;
  };
  let waiting: void | Promise<void>;
  try {
    waiting = run();
  } catch (error) {
    return fail(error);
  }
  if (waiting) return waiting.then(() => done(passed), fail);
  done(passed);
}
