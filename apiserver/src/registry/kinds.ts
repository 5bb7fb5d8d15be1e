/** The resources that this server serves, and under which versions. */
import { apiVersionOf, type ApiResource, builtInResources } from '@slipway/api/resources';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type { Typing } from '@slipway/api/schema/compile-decoder';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import type { KubeObject } from '@slipway/api/types';
import { invariant } from '@slipway/kit/invariant';
import { autoscalingV1View } from './autoscaling-v1-view.ts';
import type { Printer } from '../discovery/tables/printer.ts';
import { eventsView } from './events-view.ts';
import type { ObjectView } from './object-view.ts';
import { ResourceStore, type ResourceStoreDeps } from './resource-store.ts';
import type { Strategy } from './strategy.ts';

/** A kind under one version: what a path like `/apis/apps/v1/deployments` leads to. */
export interface ServedResource {
  readonly api: ApiResource;
  readonly schema: ObjectSchema;
  readonly store: ResourceStore;
  /** How stored objects look under this version; undefined = as they are. */
  readonly view: ObjectView | undefined;
  /** How bodies are read; `typed` when absent. */
  readonly typing?: Typing;
  /** The columns of a custom resource; built-in kinds have theirs in a table. */
  readonly printer?: Printer;
  /** What discovery's OpenAPI documents say of a custom resource. */
  readonly openApiSchema?: object;
  /** Said to everybody who uses this version. */
  readonly deprecationWarning?: string;
  /** Why no object can be made any more. */
  readonly refusesCreate?: string;
  /** The objects are not stored but worked out when somebody asks. */
  readonly computed?: Computed;
}

/** All objects of a kind. */
export type Computed = () => Promise<readonly KubeObject[]>;

/** Subresources that something in this server answers; discovery lists no other. `connect` ones are answered through the node agents. */
export const connectSubresources: readonly string[] = ['log', 'exec', 'attach', 'portforward', 'proxy'];
const servedSubresources = new Set([
  'status',
  'scale',
  'finalize',
  'approval',
  'ephemeralcontainers',
  'resize',
  'binding',
  'eviction',
  'token',
  ...connectSubresources,
]);

export class ServedKinds {
  readonly #builtIn: readonly ServedResource[];
  #all: readonly ServedResource[];
  #byPath: ReadonlyMap<string, ServedResource>;
  readonly #listeners = new Set<() => void>();

  /** `computed`: of kinds that are not stored, by resource. */
  constructor(
    strategies: readonly Strategy[],
    deps: ResourceStoreDeps,
    computed: Readonly<Record<string, Computed>> = {},
  ) {
    const stored = strategies.map((strategy) => servedBy(strategy, deps, computed[strategy.resource.resource]));
    this.#builtIn = [...stored, ...otherVersions.flatMap((version) => servedUnder(version, stored))];
    this.#all = this.#builtIn;
    this.#byPath = byPath(this.#all);
  }

  /** Changes while the server runs, as kinds come and go. */
  get all(): readonly ServedResource[] {
    return this.#all;
  }

  /** The kinds that are not built in. */
  get custom(): readonly ServedResource[] {
    return this.#all.slice(this.#builtIn.length);
  }

  /** Serves these beside the built-in kinds, which win where both have a path. */
  serveCustom(custom: readonly ServedResource[]): void {
    this.#all = [...this.#builtIn, ...custom];
    this.#byPath = byPath([...custom, ...this.#builtIn]);
    for (const listener of this.#listeners) listener();
  }

  /** Called after each change. Returns the function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  find(path: {
    readonly group: string;
    readonly version: string;
    readonly resource: string;
  }): ServedResource | undefined {
    return this.#byPath.get(pathOf(path));
  }

  /** Whether anything at all is served there, for the difference between an unknown version and an unknown resource. */
  hasVersion(group: string, version: string): boolean {
    return this.all.some(({ api }) => api.group === group && api.version === version);
  }
}

function byPath(all: readonly ServedResource[]): ReadonlyMap<string, ServedResource> {
  return new Map(all.map((served) => [pathOf(served.api), served]));
}

function pathOf({
  group,
  version,
  resource,
}: {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}) {
  return `${apiVersionOf({ group, version })}/${resource}`;
}

function servedBy(strategy: Strategy, deps: ResourceStoreDeps, computed?: Computed): ServedResource {
  const api = withServedSubresources(strategy.resource);
  const schema = schemaOf(api);
  const { deprecationWarning } = strategy;
  return {
    api,
    schema,
    store: new ResourceStore(strategy, schema, deps),
    view: undefined,
    ...(deprecationWarning === undefined ? {} : { deprecationWarning }),
    ...(computed ? { computed } : {}),
  };
}

interface OtherVersion {
  /** What the objects are stored as. */
  readonly stored: Pick<ApiResource, 'group' | 'version' | 'resource'>;
  readonly group: string;
  readonly version: string;
  readonly view: ObjectView;
}

/** One storage, two versions: what is kept, and what shows it with other names. */
const otherVersions: readonly OtherVersion[] = [
  {
    stored: { group: '', version: 'v1', resource: 'events' },
    group: 'events.k8s.io',
    version: 'v1',
    view: eventsView,
  },
  {
    stored: { group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers' },
    group: 'autoscaling',
    version: 'v1',
    view: autoscalingV1View,
  },
];

function servedUnder(other: OtherVersion, all: readonly ServedResource[]): ServedResource[] {
  const stored = all.find(({ api }) => pathOf(api) === pathOf(other.stored));
  if (!stored) return [];
  const { resource } = other.stored;
  const api = builtInResources.find(
    ({ group, version, resource: name }) => group === other.group && version === other.version && name === resource,
  );
  invariant(api, `${other.group}/${other.version} has no ${resource}`);
  return [{ api: withServedSubresources(api), schema: schemaOf(api), store: stored.store, view: other.view }];
}

function schemaOf(api: ApiResource): ObjectSchema {
  const schema = builtInSchemas.kind(api);
  invariant(schema, `no schema for ${api.kind}`);
  return schema;
}

function withServedSubresources(api: ApiResource): ApiResource {
  return { ...api, subresources: api.subresources.filter(({ name }) => servedSubresources.has(name)) };
}
