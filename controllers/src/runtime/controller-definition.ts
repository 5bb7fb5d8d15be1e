import type { KubeObject } from '@slipway/api/types';
import type { Change, IndexFunction } from '@slipway/client/cache';
import type { Client } from '@slipway/client/client';
import type { EventRecorder } from '@slipway/client/events';
import type { Kind, ObjectKey } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { Caches } from './caches.ts';
import type { PendingWrites } from './pending-writes.ts';
import type { Plan, Step } from './step.ts';

/**
 * Which keys run when an object changes. `owner`: the key of its controlling owner, if that is of the primary kind. A
 * function sees the object as it was and as it is, one call each; `changes` sees both at once.
 */
export type Trigger =
  | { readonly on: Kind; readonly via: 'owner' }
  | { readonly on: Kind; readonly via: (changed: KubeObject, caches: Caches) => readonly ObjectKey[] }
  | { readonly on: Kind; readonly changes: (change: Change, caches: Caches) => readonly ObjectKey[] };

/** A trigger whose function knows the type of its kind. */
export function triggerOn<T extends KubeObject>(
  on: Kind<T>,
  via: (changed: T, caches: Caches) => readonly ObjectKey[],
): Trigger {
  return { on, via: via as (changed: KubeObject, caches: Caches) => readonly ObjectKey[] };
}

/** An extra index over the shared cache of a kind; controllers that name the same one share it. */
export interface IndexSpec {
  readonly on: Kind;
  readonly name: string;
  readonly values: IndexFunction;
}

export function indexOn<T extends KubeObject>(on: Kind<T>, name: string, values: IndexFunction<T>): IndexSpec {
  return { on, name, values: values as IndexFunction };
}

/** What a controller is told to stand on. Times and chance come from here and nowhere else. */
export interface ControllerDeps {
  readonly caches: Caches;
  /** Writes carry a cause that names the controller. */
  readonly client: Client;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Outcome {
  /** Run again after this time, even if nothing changes. */
  readonly againAfterMs?: number | undefined;
  /** How long it kept the processor to look and to decide. */
  readonly lookMs?: number;
  /** Do not run before the caches show these. */
  readonly pending?: PendingWrites | undefined;
  /** What went wrong after those writes. As throwing it, but the writes that were done before are not forgotten. */
  readonly failure?: unknown;
}

export const settled: Outcome = Object.freeze({});

/**
 * Makes the world agree with one object. Level-based: it is told which object, never what happened. It must be
 * idempotent. Throwing means "again, later"; a `TerminalError` means "not again until something changes".
 */
export interface Reconciler {
  reconcile(key: ObjectKey, context: { readonly signal: AbortSignal }): Promise<Outcome>;
}

/** Custom kinds: watched from when they appear until they go. */
export interface FollowedKinds {
  /** Which changes of an object of the kind wake which keys. */
  trigger(kind: Kind): Trigger;
  /** The kind's cache is there. Answers keys to look at, now that it is known. */
  added(kind: Kind, caches: Caches): readonly ObjectKey[];
  /** Called before the kind's cache goes. */
  removed(kind: Kind): void;
}

/** What the manager runs. */
export interface ControllerDefinition {
  /** As in `--controllers=*,-NAME`. */
  readonly name: string;
  /** The source of its events: `deployment-controller`. */
  readonly component: string;
  /** The service account of kube-system whose rights it has, by the role `system:controller:ACCOUNT`; or a user `system:...`. */
  readonly account: string;
  /** Changes of this kind run the object's own key. Absent for controllers with keys of their own. */
  readonly primary?: Kind;
  /** Which changes of the primary matter; all when not given. For kinds of which there are many and few concern it. */
  readonly wakes?: (change: Change, caches: Caches) => boolean;
  readonly triggers: readonly Trigger[];
  /** Kinds that are read without being woken by them. */
  readonly reads?: readonly Kind[];
  readonly indexes?: readonly IndexSpec[];
  /** Keys that run once at the start. */
  readonly initialKeys?: readonly ObjectKey[];
  /** Kinds that come and go while the controller runs. */
  readonly follows?: FollowedKinds;
  /** Keys in work at the same time; 8 when not given. */
  readonly workers?: number;
  create(deps: ControllerDeps): Reconciler;
}

/** A controller that only decides: the runtime reads, applies and retries for it. */
export interface ControllerSpec<P extends KubeObject & { status?: unknown }, Observed, Status = never>
  extends Omit<ControllerDefinition, 'create' | 'primary' | 'initialKeys'> {
  readonly primary: Kind<P>;
  /** Synchronous; reads the caches only. Undefined when there is nothing to do any more. */
  observe(key: ObjectKey, caches: Caches): Observed | undefined;
  /** Pure. */
  plan(observed: Observed, nowMs: number): Plan<Status>;
  /** What is left to do for children of an object that is not there any more. */
  planGone?(key: ObjectKey, caches: Caches): readonly Step[];
}
