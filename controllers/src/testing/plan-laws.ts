import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '@slipway/api/types';
import type { Kind, ObjectKey } from '@slipway/client/kinds';
import type { Decider, PlanWorld } from './plan-world.ts';

/**
 * The law of every controller: once its steps are true, it has none left, and what it would write as status is what
 * stands there. A controller that breaks it writes for ever.
 */
export function expectSettles<Observed, Status>(
  world: PlanWorld,
  controller: Decider<Observed, Status>,
  primary: Kind,
  key: ObjectKey,
): void {
  world.settle(controller, primary, key);
  world.look(controller, primary, key);
  const observed = controller.observe(key, world);
  if (observed === undefined) return;
  const plan = controller.plan(observed, world.nowMs);
  expect(plan.steps.filter(({ op }) => op !== 'event')).toEqual([]);
  const stored = (world.get(primary, key) as (KubeObject & { status?: unknown }) | undefined)?.status;
  if (plan.status !== 'unchanged' && !isDeepStrictEqual(plan.status, stored)) expect(plan.status).toEqual(stored);
}
