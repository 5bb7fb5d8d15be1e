// What /api and /apis say: one object per group and version in the plain form, everything in one object in the aggregated form.
// Definitions: k8s.io/apimachinery meta/v1 (APIGroup, APIResource), k8s.io/api/apidiscovery/v2.

import { type ApiSubresource, apiVersionOf } from '@slipway/api/resources';
import { compareVersions, type AdvertisedResource } from './advertised-resource.ts';

/** `/api` */
export function apiVersions(resources: readonly AdvertisedResource[], serverAddress: string): object {
  return {
    kind: 'APIVersions',
    versions: versionsOf(resources, ''),
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `/apis` */
export function apiGroupList(resources: readonly AdvertisedResource[]): object {
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groupNames(resources).map((name) => groupEntry(resources, name)),
  };
}

/** `/apis/GROUP`; undefined when nothing of the group is served. */
export function apiGroup(resources: readonly AdvertisedResource[], name: string): object | undefined {
  if (!groupNames(resources).includes(name)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(resources, name) };
}

/** `/api/v1` and `/apis/GROUP/VERSION`; undefined when nothing of it is served. */
export function apiResourceList(
  resources: readonly AdvertisedResource[],
  group: string,
  version: string,
): object | undefined {
  const served = resources.filter((resource) => resource.group === group && resource.version === version);
  if (served.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group, version }),
    resources: served.flatMap((resource) => [
      resourceEntry(resource),
      ...resource.subresources.map((sub) => subresourceEntry(resource, sub)),
    ]),
  };
}

/** The aggregated form of `/api` (scope `core`) and `/apis` (scope `groups`). */
export function aggregatedDiscovery(
  resources: readonly AdvertisedResource[],
  scope: 'core' | 'groups',
  apiVersion: 'v2' | 'v2beta1',
): object {
  const names = scope === 'core' ? [''] : groupNames(resources);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${apiVersion}`,
    metadata: {},
    items: names.map((group) => ({
      metadata: group === '' ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
      versions: versionsOf(resources, group).map((version) => ({
        version,
        resources: resources
          .filter((resource) => resource.group === group && resource.version === version)
          .map(aggregatedResource),
        freshness: 'Current',
      })),
    })),
  };
}

/** Without the core group, in the order in which they are served. */
function groupNames(resources: readonly AdvertisedResource[]): string[] {
  return [...new Set(resources.map(({ group }) => group))].filter((group) => group !== '');
}

function versionsOf(resources: readonly AdvertisedResource[], group: string): string[] {
  const versions = resources.filter((resource) => resource.group === group).map(({ version }) => version);
  return [...new Set(versions)].sort(compareVersions);
}

function groupEntry(resources: readonly AdvertisedResource[], name: string): object {
  const versions = versionsOf(resources, name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

function resourceEntry(resource: AdvertisedResource): object {
  return {
    name: resource.resource,
    singularName: resource.singular,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs: resource.verbs,
    ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories.length > 0 ? { categories: resource.categories } : {}),
  };
}

function subresourceEntry(resource: AdvertisedResource, subresource: ApiSubresource): object {
  const foreign = subresource.group !== resource.group || subresource.version !== resource.version;
  return {
    name: `${resource.resource}/${subresource.name}`,
    singularName: '',
    namespaced: resource.namespaced,
    ...(foreign ? { group: subresource.group, version: subresource.version } : {}),
    kind: subresource.kind,
    verbs: subresource.verbs,
  };
}

function aggregatedResource(resource: AdvertisedResource): object {
  const { group, version, kind } = resource;
  return {
    resource: resource.resource,
    responseKind: { group, version, kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories.length > 0 ? { categories: resource.categories } : {}),
    ...(resource.subresources.length > 0
      ? {
          subresources: resource.subresources.map((subresource) => ({
            subresource: subresource.name,
            responseKind: { group: subresource.group, version: subresource.version, kind: subresource.kind },
            verbs: subresource.verbs,
          })),
        }
      : {}),
  };
}
