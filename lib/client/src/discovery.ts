import type { ApiResource, ApiSubresource, Verb } from '@slipway/api/resources';
import { isStatus, type StatusError } from '@slipway/api/status-error';
import type { APIGroupList, APIResource, APIResourceList } from '@slipway/api/types';
import type { HttpTransport } from './http-transport.ts';

const corePath = '/api/v1';

/**
 * What a server serves, each resource in the version that the server prefers. Throws `StatusError`; a group whose own server does not answer (an
 * APIService that is down) is left out, and `unavailable` told of it.
 */
export async function discoverResources(
  transport: Pick<HttpTransport, 'read'>,
  signal: AbortSignal,
  unavailable: (groupVersion: string, error: StatusError) => void = () => {},
): Promise<readonly ApiResource[]> {
  const groups = (await transport.read('/apis', signal)) as APIGroupList;
  const preferred = groups.groups.map((group) => group.preferredVersion ?? group.versions[0]);
  const paths = [corePath, ...preferred.flatMap((version) => (version ? [`/apis/${version.groupVersion}`] : []))];
  const list = async (path: string) => {
    try {
      return resourcesOf((await transport.read(path, signal)) as APIResourceList);
    } catch (error) {
      // The group may also have gone since it was named.
      if (path === corePath || !isStatus(error, 'ServiceUnavailable', 'NotFound')) throw error;
      unavailable(path.slice('/apis/'.length), error);
      return [];
    }
  };
  return (await Promise.all(paths.map(list))).flat();
}

function resourcesOf({ groupVersion, resources }: APIResourceList): ApiResource[] {
  const [version = '', group = ''] = groupVersion.split('/').reverse();
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map((resource) => ({
      group,
      version,
      resource: resource.name,
      kind: resource.kind,
      namespaced: resource.namespaced,
      singular: resource.singularName,
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      verbs: resource.verbs as Verb[],
      subresources: subresourcesOf(resource.name, resources, { group, version }),
    }));
}

function subresourcesOf(
  parent: string,
  all: readonly APIResource[],
  own: { readonly group: string; readonly version: string },
): ApiSubresource[] {
  return all
    .filter(({ name }) => name.startsWith(`${parent}/`))
    .map(({ name, kind, verbs, group, version }) => ({
      name: name.slice(parent.length + 1),
      group: group ?? own.group,
      version: version ?? own.version,
      kind,
      verbs: verbs as Verb[],
    }));
}
