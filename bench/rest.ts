import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';

/** Between two looks, or until what was done has settled. */
export function rest(ms: number): Promise<void> {
  return systemClock.sleep(ms, neverAborted);
}
