import { type ApiResource, builtInResources } from '@slipway/api/resources';
import { invariant } from '@slipway/kit/invariant';

/** The descriptor of a built-in resource in one version. A wrong name is a bug and stops the process at start. */
export function descriptorOf(group: string, version: string, resource: string): ApiResource {
  const found = builtInResources.find(
    (candidate) => candidate.group === group && candidate.version === version && candidate.resource === resource,
  );
  invariant(found, `no built-in resource ${group}/${version} ${resource}`);
  return found;
}
