// The paths of the OpenAPI documents. Clients look into them for one thing above all: whether a verb of a kind takes a parameter (dryRun,
// fieldValidation) and which media types a patch may have. Both versions of OpenAPI have the same operations; what differs is put in by a dialect.

import { type ApiSubresource, apiVersionOf } from '@slipway/api/resources';
import type { AdvertisedResource } from './advertised-resource.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
}

export interface Operation {
  readonly operationId: string;
  readonly description: string;
  /** `list`, `post`, `connect` ...: upstream's x-kubernetes-action. */
  readonly action: string;
  readonly tag: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly parameters: readonly Parameter[];
  /** The definition of the body, if the operation takes one. */
  readonly body?: string;
  readonly bodyTypes?: readonly string[];
  /** The definition of the answer; a string for connections and logs. */
  readonly answer?: string;
}

/** Operations by path and method. */
export type Paths = Record<string, { parameters: readonly Parameter[]; operations: Record<string, Operation> }>;

/** The definition of a kind, or undefined for those that have none (options of connections). */
export type DefinitionOf = (kind: { group: string; version: string; kind: string }) => string | undefined;

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const bodyTypes = ['application/json', 'application/yaml'];

export function resourcePaths(resource: AdvertisedResource, definitionOf: DefinitionOf): Paths {
  const base = resource.group === '' ? `/api/${resource.version}` : `/apis/${apiVersionOf(resource)}`;
  const collection = resource.namespaced
    ? `${base}/namespaces/{namespace}/${resource.resource}`
    : `${base}/${resource.resource}`;
  const scope = resource.namespaced ? [namespace] : [];
  const paths: Paths = {};
  add(paths, collection, [...scope, pretty], collectionOperations(resource, definitionOf));
  add(paths, `${collection}/{name}`, [name, ...scope, pretty], itemOperations(resource, definitionOf));
  for (const subresource of resource.subresources) {
    const operations = subresourceOperations(resource, subresource, definitionOf);
    add(paths, `${collection}/{name}/${subresource.name}`, [name, ...scope, pretty], operations);
  }
  if (resource.namespaced && resource.verbs.includes('list')) {
    const everywhere = operation(resource, 'list', 'ForAllNamespaces', listParameters, {
      answer: listDefinition(resource, definitionOf),
    });
    add(paths, `${base}/${resource.resource}`, [pretty], { get: everywhere });
  }
  return paths;
}

function add(
  paths: Paths,
  path: string,
  parameters: readonly Parameter[],
  operations: Record<string, Operation>,
): void {
  if (Object.keys(operations).length > 0) paths[path] = { parameters, operations };
}

interface Bodies {
  readonly body?: string | undefined;
  readonly bodyTypes?: readonly string[];
  readonly answer?: string | undefined;
}

function collectionOperations(resource: AdvertisedResource, definitionOf: DefinitionOf): Record<string, Operation> {
  const own = definitionOf(resource);
  const has = (verb: AdvertisedResource['verbs'][number]) => resource.verbs.includes(verb);
  return {
    ...(has('list')
      ? { get: operation(resource, 'list', '', listParameters, { answer: listDefinition(resource, definitionOf) }) }
      : {}),
    ...(has('create') ? { post: operation(resource, 'create', '', writeParameters, { body: own, answer: own }) } : {}),
    ...(has('deletecollection')
      ? {
          delete: operation(resource, 'deletecollection', '', [...listParameters, ...deleteParameters], {
            body: `${meta}.DeleteOptions`,
            answer: `${meta}.Status`,
          }),
        }
      : {}),
  };
}

function itemOperations(resource: AdvertisedResource, definitionOf: DefinitionOf): Record<string, Operation> {
  const own = definitionOf(resource);
  const has = (verb: AdvertisedResource['verbs'][number]) => resource.verbs.includes(verb);
  return {
    ...(has('get') ? { get: operation(resource, 'get', '', [], { answer: own }) } : {}),
    ...(has('update') ? { put: operation(resource, 'update', '', writeParameters, { body: own, answer: own }) } : {}),
    ...(has('patch') ? { patch: patchOperation(resource, '', own) } : {}),
    ...(has('delete')
      ? {
          delete: operation(resource, 'delete', '', deleteParameters, {
            body: `${meta}.DeleteOptions`,
            answer: `${meta}.Status`,
          }),
        }
      : {}),
  };
}

function subresourceOperations(
  resource: AdvertisedResource,
  subresource: ApiSubresource,
  definitionOf: DefinitionOf,
): Record<string, Operation> {
  const own = definitionOf(subresource);
  const suffix = subresource.name.charAt(0).toUpperCase() + subresource.name.slice(1);
  const target = { ...resource, group: subresource.group, version: subresource.version, kind: subresource.kind };
  const has = (verb: ApiSubresource['verbs'][number]) => subresource.verbs.includes(verb);
  if (own === undefined) {
    const methods = { get: 'get', create: 'post', update: 'put', patch: 'patch', delete: 'delete' } as const;
    const served = Object.entries(methods).filter(([verb]) => has(verb as keyof typeof methods));
    return Object.fromEntries(
      served.map(([, method]) => [method, operation(target, 'connect', `${method}${suffix}`, [], {})]),
    );
  }
  return {
    ...(has('get')
      ? { get: operation(target, 'get', suffix, [], subresource.name === 'log' ? {} : { answer: own }) }
      : {}),
    ...(has('create')
      ? { post: operation(target, 'create', suffix, writeParameters, { body: own, answer: own }) }
      : {}),
    ...(has('update') ? { put: operation(target, 'update', suffix, writeParameters, { body: own, answer: own }) } : {}),
    ...(has('patch') ? { patch: patchOperation(target, suffix, own) } : {}),
  };
}

function patchOperation(resource: AdvertisedResource, suffix: string, own: string | undefined): Operation {
  // Clients choose by this: a custom resource has no strategies to merge by.
  const isCustom = resource.openApiSchema !== undefined;
  const bodyTypes = isCustom ? patchTypes.filter((type) => !type.includes('strategic')) : patchTypes;
  const bodies = { body: `${meta}.Patch`, bodyTypes, answer: own };
  return operation(resource, 'patch', suffix, [...writeParameters, force], bodies);
}

/** Verb to the words of upstream's operation ids and actions. */
const words: Record<string, readonly [operation: string, action: string]> = {
  list: ['list', 'list'],
  create: ['create', 'post'],
  deletecollection: ['deleteCollection', 'deletecollection'],
  get: ['read', 'get'],
  update: ['replace', 'put'],
  patch: ['patch', 'patch'],
  delete: ['delete', 'delete'],
  connect: ['connect', 'connect'],
};

function operation(
  resource: AdvertisedResource,
  verb: string,
  suffix: string,
  parameters: readonly Parameter[],
  { body, bodyTypes: types = bodyTypes, answer }: Bodies,
): Operation {
  const [word = verb, action = verb] = words[verb] ?? [];
  const { group, version, kind } = resource;
  const groupWord = group === '' ? 'core' : (group.split('.')[0] ?? '');
  const scope = resource.namespaced && suffix !== 'ForAllNamespaces' ? 'Namespaced' : '';
  return {
    operationId: `${word}${capital(groupWord)}${capital(version)}${scope}${kind}${suffix}`,
    description: `${word} ${kind}`,
    action,
    tag: `${groupWord}_${version}`,
    kind: { group, version, kind },
    parameters,
    ...(body === undefined ? {} : { body, bodyTypes: types }),
    ...(answer === undefined ? {} : { answer }),
  };
}

function listDefinition(resource: AdvertisedResource, definitionOf: DefinitionOf): string | undefined {
  return definitionOf({ group: resource.group, version: resource.version, kind: `${resource.kind}List` });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function query(name: string, type: Parameter['type'], description: string): Parameter {
  return { name, in: 'query', type, description };
}

const name: Parameter = { name: 'name', in: 'path', type: 'string', description: 'name of the object' };
const namespace: Parameter = { name: 'namespace', in: 'path', type: 'string', description: 'namespace of the object' };
const pretty = query('pretty', 'string', 'If "true", the answer is indented.');
const dryRun = query('dryRun', 'string', 'With "All", every stage runs, and nothing is stored.');
const force = query('force', 'boolean', 'For apply patches: take over fields that others own.');

const writeParameters = [
  dryRun,
  query('fieldManager', 'string', 'The name under which the written fields are owned.'),
  query(
    'fieldValidation',
    'string',
    'What happens on unknown and duplicate fields: Ignore, Warn (the default) or Strict.',
  ),
];

const deleteParameters = [
  dryRun,
  query('gracePeriodSeconds', 'integer', 'How long the object may take to end. Zero means at once.'),
  query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'),
  query('propagationPolicy', 'string', 'What happens to dependents: Orphan, Background or Foreground.'),
];

const listParameters = [
  query('allowWatchBookmarks', 'boolean', 'Asks for bookmark events in a watch.'),
  query('continue', 'string', 'The token of the page before.'),
  query('fieldSelector', 'string', 'Restricts the objects by their fields.'),
  query('labelSelector', 'string', 'Restricts the objects by their labels.'),
  query('limit', 'integer', 'The most objects to return in one page.'),
  query('resourceVersion', 'string', 'The version to list at, or to watch from.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
  query('sendInitialEvents', 'boolean', 'Starts a watch with the objects that exist.'),
  query('timeoutSeconds', 'integer', 'Ends the call after this time.'),
  query('watch', 'boolean', 'Answers with a stream of events instead of a list.'),
];
