import type { CauseObject } from '@slipway/api/cause';
import type { KubeObject } from '@slipway/api/types';
import { type Kind, kindId, type ObjectKey } from '@slipway/client/kinds';
import { TerminalError } from '@slipway/kit/errors';
import { applyPlan, applySteps } from './apply-plan.ts';
import { isNamespaceTerminating } from './stale.ts';
import type {
  ControllerDefinition,
  ControllerDeps,
  ControllerSpec,
  Outcome,
  Reconciler,
} from './controller-definition.ts';
import type { PendingWrites } from './pending-writes.ts';
import type { Step } from './step.ts';

/** Makes a controller that only decides into one that the manager runs. */
export function definitionFrom<P extends KubeObject & { status?: unknown }, Observed, Status>(
  spec: ControllerSpec<P, Observed, Status>,
): ControllerDefinition {
  return { ...spec, create: (deps) => reconcilerFrom(spec, deps) };
}

function reconcilerFrom<P extends KubeObject & { status?: unknown }, Observed, Status>(
  spec: ControllerSpec<P, Observed, Status>,
  deps: ControllerDeps,
): Reconciler {
  const { caches, clock, random, events } = deps;
  return {
    reconcile: async (key, { signal }) => {
      // Both read the same caches in the same turn, so the status is written over what was looked at.
      const object = caches.get(spec.primary, key);
      if (!object) return reconcileGone(spec.planGone?.(key, caches) ?? [], deps, signal);
      const beganMs = clock.monotonicMs();
      const observed = spec.observe(key, caches);
      if (observed === undefined) return {};
      const plan = spec.plan(observed, clock.nowMs());
      const lookMs = clock.monotonicMs() - beganMs;
      const client = deps.client.withCause({ controller: spec.component, object: causeObjectFrom(object) });
      const { pending, failure } = await applyPlan(
        plan,
        { kind: spec.primary as Kind<KubeObject>, object },
        { client, events, clock, random, signal },
      );
      if (failure) return { ...outcomeOfFailure(failure.error, pending), lookMs };
      return { pending, lookMs, againAfterMs: plan.again?.afterMs };
    },
  };
}

async function reconcileGone(
  steps: readonly Step[],
  { client, events, clock, random }: ControllerDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  if (steps.length === 0) return {};
  const { pending, failure } = await applySteps(steps, { client, events, clock, random, signal });
  return failure ? outcomeOfFailure(failure.error, pending) : { pending };
}

/** A namespace that goes takes everything with it; there is nothing to retry. */
function outcomeOfFailure(error: unknown, pending: PendingWrites): Outcome {
  return isNamespaceTerminating(error) ? { pending } : { pending, failure: error };
}

export function causeObjectFrom(object: KubeObject): CauseObject {
  const { namespace, name = '', uid, resourceVersion } = object.metadata;
  return {
    kind: object.kind,
    name,
    ...(namespace ? { namespace } : {}),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  };
}

/** For errors about an object that no retry can mend. */
export function cannotReconcile(kind: Kind, key: ObjectKey, why: string): TerminalError {
  return new TerminalError(`${kindId(kind)} ${key}: ${why}`);
}
