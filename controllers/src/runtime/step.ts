import type { PatchType } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import type { Kind } from '@slipway/client/kinds';

/** Text of an event about an object. In the messages of `Tells`, `{name}` and `{error}` are filled in by the runtime. */
export interface EventPhrase {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What is told when a write was done or has failed. Nothing is told of a write that a retry will repeat unseen. */
export interface Tells {
  readonly about: KubeObject;
  /** `{name}` is the name of the object that was written. */
  readonly done?: EventPhrase;
  /** `{error}` is what the server said, `{name}` the object's name or what its name begins with. */
  readonly failed?: EventPhrase;
}

/**
 * One write, or one event. Steps run in order; neighbours that create (or delete) the same kind, and patches that say
 * so, run at the same time.
 * The first failure ends the plan.
 */
export type Step =
  | {
      readonly op: 'create';
      readonly kind: Kind;
      readonly object: KubeObject;
      /** The next look would choose another name, so the server is asked until it says what became of this one. */
      readonly once?: boolean;
      readonly tells?: Tells;
    }
  | {
      readonly op: 'patch';
      readonly kind: Kind;
      /** Its uid is always a precondition, its resourceVersion unless `evenIfChanged`. */
      readonly target: KubeObject;
      readonly patch: object;
      /** `merge` when not given. */
      readonly patchType?: PatchType;
      readonly subresource?: string;
      /** Its generation is a precondition in place of its resourceVersion: its status may have changed. The patch is of fields of its spec. */
      readonly ifSpecUnchanged?: boolean;
      /** For patches that touch only what nobody else writes. */
      readonly evenIfChanged?: boolean;
      /**
       * Asked of the server, not of a cache: this object must exist and not be on its way out. An owner that adopts on
       * an old view of itself would hand the child to the garbage collector.
       */
      readonly whileAlive?: { readonly kind: Kind; readonly object: KubeObject };
      /** Asked of the server likewise: this owner must not exist. What guards its children is taken off only then. */
      readonly whileGone?: { readonly kind: Kind; readonly name: string; readonly uid: string };
      /** Neighbours that say so may run together, in any order. */
      readonly inAnyOrder?: boolean;
      readonly tells?: Tells;
    }
  | {
      readonly op: 'delete';
      readonly kind: Kind;
      /** Its uid is a precondition: another object of the same name is never deleted. */
      readonly target: KubeObject;
      /** Its resourceVersion is a precondition too: what was decided on may be true no longer. */
      readonly ifUnchanged?: boolean;
      readonly graceMs?: number;
      readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
      readonly tells?: Tells;
    }
  | ({ readonly op: 'event'; readonly about: KubeObject } & EventPhrase);

export interface StepFailure {
  readonly step: Step;
  readonly error: unknown;
}

/** What a controller decided. Plain data, so that a test compares it and a simulation prints it. */
export interface Plan<Status = never> {
  /** Asked of the server before anything is done, where a cache that does not show an object is not enough: no object of that name must exist. */
  readonly ifGone?: {
    readonly kind: Kind;
    readonly object: { readonly namespace?: string | undefined; readonly name: string };
  };
  readonly steps: readonly Step[];
  /** Written after the steps, and only when it differs from what the object has. */
  readonly status: Status | 'unchanged';
  /** Written instead of `status` when a step failed. */
  readonly statusAfterFailure?: (failure: StepFailure) => Status | 'unchanged';
  /** Told of the object once `status` stands in the store; not told when it stood there before. */
  readonly statusTells?: readonly EventPhrase[];
  /** Look again then, even if nothing changes. */
  readonly again?: { readonly afterMs: number };
}
