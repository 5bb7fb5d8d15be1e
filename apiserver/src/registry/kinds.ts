/** The resources that this server serves, and under which versions. */
import { apiVersionOf, type ApiResource, builtInResources } from '@slipway/api/resources';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type { ObjectSchema } from '@slipway/api/schema/structural-schema';
import { invariant } from '@slipway/kit/invariant';
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
    const events = stored.find(({ api }) => api.group === '' && api.resource === 'events');
    this.all = events ? [...stored, eventsUnder('events.k8s.io', events)] : stored;
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

/** One storage, two versions: events of core/v1 are kept, events.k8s.io/v1 shows them with other field names. */
function eventsUnder(group: string, { store }: ServedResource): ServedResource {
  const api = builtInResources.find((resource) => resource.group === group && resource.resource === 'events');
  invariant(api, `${group} has no events`);
  return { api, schema: schemaOf(api), store, view: eventsView };
}

function schemaOf(api: ApiResource): ObjectSchema {
  const schema = builtInSchemas.kind(api);
  invariant(schema, `no schema for ${api.kind}`);
  return schema;
}

function withServedSubresources(api: ApiResource): ApiResource {
  return { ...api, subresources: api.subresources.filter(({ name }) => servedSubresources.has(name)) };
}
