import type { ServedResource } from '../../registry/kinds.ts';
import type { AdmissionDeps, AdmissionWrite } from '../plugin.ts';
import { kindOf, optionsOf, shown } from '../webhooks/review.ts';
import { authorizerValue } from './authorizer-functions.ts';

/** What expressions see of a write, in the version that they ask for. */
export function writeValues(
  write: AdmissionWrite,
  served: ServedResource,
  deps: AdmissionDeps,
): Record<string, unknown> {
  const { request, draft, old } = write;
  const { api, namespace } = request;
  const isNamespace = api.group === '' && api.resource === 'namespaces';
  return {
    object: draft ? shown(draft, served, request) : null,
    oldObject: old ? shown(old, served, request) : null,
    request: requestValue(write, served),
    namespaceObject:
      namespace === undefined || isNamespace ? null : (deps.read('namespaces', '', undefined, namespace) ?? null),
    authorizer: authorizerValue(request, deps),
  };
}

function requestValue({ request, draft, old }: AdmissionWrite, served: ServedResource) {
  const { user, operation, name, namespace, subresource, dryRun } = request;
  const resourceOf = ({ api }: ServedResource) => ({
    group: api.group,
    version: api.version,
    resource: api.resource,
  });
  return {
    kind: kindOf(served, request),
    resource: resourceOf(served),
    subResource: subresource ?? '',
    requestKind: kindOf(request.served, request),
    requestResource: resourceOf(request.served),
    requestSubResource: subresource ?? '',
    name: name ?? (draft ?? old)?.metadata.name ?? '',
    namespace: namespace ?? '',
    operation,
    userInfo: {
      username: user.name,
      uid: user.uid ?? '',
      groups: user.groups,
      extra: user.extra ?? {},
    },
    dryRun,
    options: optionsOf(request),
  };
}
