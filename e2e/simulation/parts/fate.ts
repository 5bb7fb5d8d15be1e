/** What becomes of a container once it runs, by the first part of its image's name. Others do what their pod's restart policy says. */
import type { Pod } from '@slipway/api/types';
import type { Chance } from '../chance.ts';

export interface Fate {
  /** After so long its check succeeds, */
  readonly readyAfterMs: number;
  /** after so long it fails again, */
  readonly sickAfterMs?: number;
  /** after so long it ends. */
  readonly endsAfterMs?: number;
  readonly exitCode: number;
}

const readyMsMax = 3_000;
const runMsMax = 20_000;
const failureShare = 0.2;

/** The behaviours that an image can have: `steady/web:3`. */
export const temperaments = ['steady', 'flaky', 'sick', 'broken'] as const;
export type Temperament = (typeof temperaments)[number];

export function fateOf({ spec }: Pod, chance: Chance): Fate {
  const [first = ''] = (spec.containers[0]?.image ?? '').split('/');
  const readyAfterMs = chance.between(0, readyMsMax);
  switch (first) {
    case 'steady':
      return { readyAfterMs, exitCode: 0 };
    case 'flaky':
      return {
        readyAfterMs,
        exitCode: 1,
        ...(chance.strikes(0.3) ? { endsAfterMs: chance.between(100, runMsMax) } : {}),
      };
    case 'sick':
      return {
        readyAfterMs,
        exitCode: 0,
        ...(chance.strikes(0.3) ? { sickAfterMs: chance.between(100, runMsMax) } : {}),
      };
    case 'broken':
      return { readyAfterMs: Number.POSITIVE_INFINITY, exitCode: 1, endsAfterMs: chance.between(50, 3_000) };
    default: {
      const endsByItself = (spec.restartPolicy ?? 'Always') !== 'Always';
      return {
        readyAfterMs,
        ...(endsByItself ? { endsAfterMs: chance.between(1_000, runMsMax) } : {}),
        exitCode: chance.strikes(failureShare) ? 1 : 0,
      };
    }
  }
}
