import type { Cause } from '@slipway/api/cause';
import type { KubeObject } from '@slipway/api/types';
import type { UserInfo } from './strategy.ts';

/** What every call into the registry carries. */
export interface Call {
  readonly user: UserInfo;
  readonly signal: AbortSignal;
  /** Texts for `Warning` headers; appended to while the call is in work. */
  readonly warnings: string[];
}

export interface WriteCall extends Call {
  readonly cause: Cause;
  readonly dryRun: boolean;
  /** Who is said to own the fields that this write sets. */
  readonly fieldManager: string;
  readonly admission: AdmissionHooks;
}

/** The two places where admission looks at a write; the registry calls them at their place in the line. */
export interface AdmissionHooks {
  /** May change the draft. `draft` is undefined for a delete. */
  mutate(draft: KubeObject | undefined, old: KubeObject | undefined): void | Promise<void>;
  /** May only refuse, by throwing StatusError. */
  validate(draft: KubeObject | undefined, old: KubeObject | undefined): void | Promise<void>;
  /** Both at once, for what travels through a subresource and is stored nowhere: a Scale, a Binding, the options of an exec. */
  review(draft: KubeObject, old: KubeObject | undefined): Promise<void>;
  /** The write was let in and is certainly not stored: what admission took for it is given back. */
  release(): Promise<void>;
}

/** A write of the server itself, which no admission looks at. `controller`: the part of it that decided. */
export function ownCall(signal: AbortSignal, verb: string, controller: string): WriteCall {
  const user = { name: 'system:apiserver', groups: ['system:masters'] };
  const cause: Cause = { user: user.name, verb, controller };
  const done = () => Promise.resolve();
  const nothing = { mutate: () => {}, validate: () => {}, review: done, release: done };
  return { user, signal, warnings: [], cause, dryRun: false, fieldManager: 'kube-apiserver', admission: nothing };
}
