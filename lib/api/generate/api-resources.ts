import { readTsv } from './read-tsv.ts';

type Column =
  | 'group'
  | 'version'
  | 'resource'
  | 'kind'
  | 'scope'
  | 'singular'
  | 'shortNames'
  | 'categories'
  | 'verbs'
  | 'subresources';

export interface Subresource {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly Subresource[];
}

export function readResources(): Resource[] {
  return readTsv<Column>('api-resources').map((row) => ({
    group: row.group,
    version: row.version,
    resource: row.resource,
    kind: row.kind,
    namespaced: row.scope === 'Namespaced',
    singular: row.singular,
    shortNames: split(row.shortNames, ','),
    categories: split(row.categories, ','),
    verbs: split(row.verbs, ','),
    subresources: split(row.subresources, ';').map((text) => parseSubresource(text, row.group, row.version)),
  }));
}

/** Kinds of subresources that come from another group than their resource. */
const foreignKinds: Record<string, readonly [group: string, version: string]> = {
  Eviction: ['policy', 'v1'],
  Scale: ['autoscaling', 'v1'],
  TokenRequest: ['authentication.k8s.io', 'v1'],
};

/** `status=Pod:get+patch+update` */
function parseSubresource(text: string, ownGroup: string, ownVersion: string): Subresource {
  const [name = '', rest = ''] = text.split('=');
  const [kind = '', verbs = ''] = rest.split(':');
  const [group, version] = foreignKinds[kind] ?? [ownGroup, ownVersion];
  return { name, group, version, kind, verbs: split(verbs, '+') };
}

function split(text: string, separator: string): string[] {
  return text === '' ? [] : text.split(separator);
}

/** The package of an API group in definition names: `rbac.authorization.k8s.io` lives in `io.k8s.api.rbac`. */
export function packageOfGroup(group: string): string {
  if (group === '') return 'io.k8s.api.core';
  if (group === 'internal.apiserver.k8s.io') return 'io.k8s.api.apiserverinternal';
  if (group === 'apiextensions.k8s.io') return 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions';
  if (group === 'apiregistration.k8s.io') return 'io.k8s.kube-aggregator.pkg.apis.apiregistration';
  return `io.k8s.api.${group.split('.')[0]}`;
}

export const metaPackage = 'io.k8s.apimachinery.pkg.apis.meta.v1';
