/**
 * A kind is data: its descriptor says how objects of the kind are defaulted, prepared, validated and shown. The
 * generic `ResourceStore` runs the hooks in one fixed order for built-in kinds and custom resources alike.
 *
 * create: decode, defaults, admit (mutate), prepareCreate, validate, admit (validate), allocate, store
 * update: decode, defaults, admit (mutate), prepareUpdate, validate, validateUpdate, admit (validate), allocate, store
 *
 * Metadata (the name by `validateName`, namespace, labels, annotations, owner references, finalizers, what may not change) is checked by
 * the resource store with `validateObjectMeta` of `@slipway/api/validation/object-meta`; `validate` looks at everything else.
 *
 * `draft` is a fresh object that belongs to the request: hooks may change it. `old` and stored objects are frozen.
 */
import type { Random } from '@slipway/kit/random';
import type { ApiResource } from '@slipway/api/resources';
import type { KubeObject } from '@slipway/api/types';
import type { FieldError } from '@slipway/api/validation/field-error';

export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface StrategyContext {
  readonly user: UserInfo;
  readonly nowMs: number;
  readonly random: Random;
  readonly dryRun: boolean;
  /** Cached reads of other objects, for checks across objects (a Service's siblings, a Pod's ServiceAccount). */
  read(resource: string, group: string, namespace: string | undefined, name: string): KubeObject | undefined;
}

/** Something taken outside the object (an address, a port) that must be given back when the write does not happen. */
export interface Allocation {
  /** The object is written: what the old version held and the new one does not is given back. */
  commit(): Promise<void>;
  /** The object is certainly not written; `current` is what is stored under its name instead. */
  rollback(current?: KubeObject): Promise<void>;
}

export interface UpdateRules<T extends KubeObject = KubeObject> {
  /** Keeps what this endpoint may not change (status on the main endpoint, spec on `status`), counts the generation. */
  prepareUpdate?(draft: T, old: T, context: StrategyContext): void;
  validateUpdate?(draft: T, old: T, context: StrategyContext): FieldError[];
  /** Of a subresource: labels and annotations are written by it too. For Pods upstream has it so: CNI plugins tell what they did. */
  readonly writesAnnotations?: boolean;
}

export interface Strategy<T extends KubeObject = KubeObject> extends UpdateRules<T> {
  readonly resource: ApiResource;
  /** Fills in what the client left out. Idempotent. Runs on create, update and on subresource updates. */
  defaults?(draft: T): void;
  prepareCreate?(draft: T, context: StrategyContext): void;
  /** The generated name was taken, and the draft has got another one. Only for kinds whose `prepareCreate` writes the name elsewhere. */
  renamed?(draft: T, oldName: string): void;
  validate(draft: T, context: StrategyContext): FieldError[];
  /** What holds for new objects only; runs after `validate`. */
  validateCreate?(draft: T, context: StrategyContext): FieldError[];
  /** Said to everybody who uses the kind, reading it included. */
  readonly deprecationWarning?: string;
  /** Texts for `Warning:` headers. */
  warnings?(draft: T, old: T | undefined): string[];
  /** Takes addresses and ports; may fill them into the draft. `old` is undefined on create, `draft` on delete. */
  allocate?(draft: T | undefined, old: T | undefined, context: StrategyContext): Promise<Allocation>;
  /** Fields for field selectors beyond metadata.name and metadata.namespace: path → reader. Any other path is refused. */
  readonly selectableFields?: Readonly<Record<string, FieldReader<T>>>;
  /** Rules of the `status` subresource; everything but the status has been kept before they run. */
  readonly status?: UpdateRules<T>;
  /** Rules of the `approval` subresource. */
  readonly approval?: UpdateRules<T>;
  /** Rules of subresources that change a part of the spec; everything but the spec has been kept before they run. */
  readonly ephemeralcontainers?: UpdateRules<T>;
  readonly resize?: UpdateRules<T>;
  readonly scale?: ScaleAccess<T>;
  /** Graceful deletion: seconds to wait, 0 = at once. Pods alone answer more than 0. */
  gracePeriodSeconds?(object: T, asked: number | undefined): number;
  /** Finalizers outside the metadata that hold the object as those in it do (`spec.finalizers` of a Namespace). */
  otherFinalizers?(object: T): readonly string[];
  /** Runs once when deletion begins and the object stays: a Namespace becomes `Terminating`. */
  prepareDeletion?(draft: T): void;
  /** A delete answers the last state of the object instead of a Status (pods, services, service accounts). */
  readonly answersDeletedObject?: boolean;
  /** What `metadata.finalizers` get when nothing is asked for; `orphan` for none of today's kinds. */
  readonly defaultPropagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly allowCreateOnUpdate?: boolean;
  /** Update without resourceVersion is allowed (true for most kinds). */
  readonly allowUnconditionalUpdate?: boolean;
  /** Objects vanish after this time (events: one hour). */
  readonly ttlMs?: number;
  /** How `metadata.name` is checked: upstream's name rule of the kind. Returns messages. */
  validateName?(name: string, isPrefix: boolean): readonly string[];
}

/** A method, so that a strategy of one kind fits where a strategy of any kind is wanted. */
type FieldReader<T extends KubeObject> = { read(object: T): string }['read'];

export interface ScaleAccess<T extends KubeObject> {
  replicas(object: T): { readonly spec: number; readonly status: number; readonly selector: string };
  setReplicas(draft: T, replicas: number): void;
}
