/** The resources that this server serves, and under which versions. */
import { apiVersionOf, type ApiResource, builtInResources } from '@slipway/api/resources';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import { invariant } from '@slipway/kit/invariant';
import { autoscalingV1View } from './autoscaling-v1-view.ts';
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
}

/** Subresources that something in this server answers; discovery lists no other. `connect` ones are answered through the node agents. */
export const connectSubresources: readonly string[] = ['log', 'exec', 'attach', 'portforward'];
const servedSubresources = new Set([
  'status',
  'scale',
  'finalize',
  'approval',
  'binding',
  'eviction',
  'token',
  ...connectSubresources,
]);

export class ServedKinds {
  readonly all: readonly ServedResource[];
  readonly #byPath: ReadonlyMap<string, ServedResource>;

  constructor(strategies: readonly Strategy[], deps: ResourceStoreDeps) {
    const stored = strategies.map((strategy) => servedBy(strategy, deps));
    this.all = [...stored, ...otherVersions.flatMap((version) => servedUnder(version, stored))];
    this.#byPath = new Map(this.all.map((served) => [pathOf(served.api), served]));
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

function servedBy(strategy: Strategy, deps: ResourceStoreDeps): ServedResource {
  const api = withServedSubresources(strategy.resource);
  const schema = schemaOf(api);
  return { api, schema, store: new ResourceStore(strategy, schema, deps), view: undefined };
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
