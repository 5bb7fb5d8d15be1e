import type { Probe } from '@slipway/api/types';
import type { ProbeOutcome } from './probe-results.ts';

/** Where one probe of one container stands. */
export interface ProbeState {
  /** Undefined until a threshold was reached for the first time. */
  readonly verdict: 'success' | 'failure' | undefined;
  readonly last: 'success' | 'failure' | undefined;
  /** How often the last result came in a row. */
  readonly inRow: number;
}

export const unprobed: ProbeState = { verdict: undefined, last: undefined, inRow: 0 };

const failureThresholdDefault = 3;
const successThresholdDefault = 1;

/** Pure: a verdict changes only after enough equal results in a row. */
export function afterOutcome(state: ProbeState, outcome: ProbeOutcome, probe: Probe): ProbeState {
  const last = outcome.result === 'success' ? 'success' : 'failure';
  const inRow = state.last === last ? state.inRow + 1 : 1;
  const threshold =
    last === 'success'
      ? (probe.successThreshold ?? successThresholdDefault)
      : (probe.failureThreshold ?? failureThresholdDefault);
  return { last, inRow, verdict: inRow >= threshold ? last : state.verdict };
}
