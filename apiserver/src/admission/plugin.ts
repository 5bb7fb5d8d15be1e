/** What an admission plugin is: a name, the writes that it looks at, and what it does to them. */
import type { ApiResource } from '@slipway/api/resources';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import type { GroupVersionKind, KubeObject, PolicyRule } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { AdmissionMetrics } from '../metrics/admission-metrics.ts';
import type { ServedResource } from '../registry/kinds.ts';
import type { StrategyContext, UserInfo } from '../registry/strategy.ts';
import type { ObjectStore } from '../storage/object-store.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly user: UserInfo;
  readonly api: ApiResource;
  /** The resource in the version of the request: its schema, its defaults, its form. */
  readonly served: ServedResource;
  readonly subresource: string | undefined;
  /** What travels through a subresource whose kind is its own: a Scale, a Binding. The draft is one then, as it came. */
  readonly subject: Subject | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly dryRun: boolean;
}

export interface Subject {
  readonly kind: GroupVersionKind;
  /** The options of an exec have none. */
  readonly schema: ObjectSchema | undefined;
}

/** A write on its way, in the form in which it is stored. */
export interface AdmissionWrite<T extends KubeObject = KubeObject> {
  readonly request: AdmissionRequest;
  /** Belongs to the write and may be changed while it is mutated; undefined for a delete. */
  readonly draft: T | undefined;
  /** The stored object, frozen; undefined for a create. */
  readonly old: T | undefined;
  readonly signal: AbortSignal;
  /** Texts for `Warning` headers. */
  readonly warnings: string[];
  /** Remembers something about the write beside its cause, under upstream's keys of audit annotations. */
  annotate(key: string, value: string): void;
  /** Set by whoever changed the draft in a way that the other mutating plugins have to see: they run once more. */
  wantsRerun: boolean;
  /** The second run, which is the last. */
  isRerun: boolean;
  webhooksRun: WebhooksRun | undefined;
}

/** What the webhooks of the second run have to know of the first. */
export interface WebhooksRun {
  /** Webhooks to be asked again, by id; and all that want to be asked whenever something changed. */
  readonly wanted: ReadonlySet<string>;
  readonly eligible: readonly string[];
  /** The draft as the webhooks left it, as JSON. */
  readonly output: string;
}

/** Writes that a plugin looks at. `*` is any; a resource is written `pods` or `pods/status`, `*` (no subresources), or `*` + `/*` (all). */
export interface Target {
  readonly operations: readonly Operation[];
  readonly group: string;
  readonly resources: readonly string[];
}

/**
 * Each method is called in the order of the chain and refuses by throwing StatusError. It answers a promise only when it really has to
 * wait: most writes pass without.
 */
export interface AdmissionPlugin {
  readonly name: string;
  /** Asks others, who know a subresource by what travels through it and not by the object that it changes. */
  readonly asksOthers?: boolean;
  readonly on: readonly Target[];
  /** May change the draft. Called again when the write lost a race, with a new draft. */
  mutate?(write: AdmissionWrite, deps: AdmissionDeps): void | Promise<void>;
  /** After every change and after the kind's own rules. */
  validate?(write: AdmissionWrite, deps: AdmissionDeps): void | Promise<void>;
  /** The write was let in and is certainly not stored: what was taken for it is given back. */
  release?(request: AdmissionRequest, deps: AdmissionDeps): void | Promise<void>;
}

/** The world of the plugins. */
export interface AdmissionDeps {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: AdmissionMetrics;
  readonly read: StrategyContext['read'];
  /** As `read`, but certain: asks the storage when the cache does not have it. */
  readonly readNewest: (
    resource: string,
    group: string,
    namespace: string | undefined,
    name: string,
    signal: AbortSignal,
  ) => Promise<KubeObject | undefined>;
  /** The same objects in other versions, the given one left out. */
  readonly equivalents: (served: ServedResource) => readonly ServedResource[];
  /** The served resource whose objects are of the kind. */
  readonly findKind: (kind: GroupVersionKind) => ApiResource | undefined;
  readonly rulesFor: (user: UserInfo, namespace: string | undefined) => readonly PolicyRule[];
  readonly may: (
    user: UserInfo,
    verb: string,
    resource: { group: string; resource: string; subresource?: string; namespace: string; name: string },
  ) => boolean;
  readonly mayPath: (user: UserInfo, verb: string, path: string) => boolean;
}

export function isTargeted(
  targets: readonly Target[],
  { operation, api, subresource }: Pick<AdmissionRequest, 'operation' | 'api' | 'subresource'>,
): boolean {
  return targets.some(
    ({ operations, group, resources }) =>
      (group === '*' || group === api.group) &&
      operations.includes(operation) &&
      resources.some((name) => isNamed(name, api.resource, subresource)),
  );
}

function isNamed(wanted: string, resource: string, subresource: string | undefined): boolean {
  if (wanted === '*/*') return true;
  if (subresource === undefined) return wanted === '*' || wanted === resource;
  return wanted === `${resource}/${subresource}` || wanted === `${resource}/*` || wanted === `*/${subresource}`;
}
