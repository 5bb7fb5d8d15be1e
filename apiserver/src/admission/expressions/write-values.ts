import type { ServedResource } from '../../registry/kinds.ts';
import type { AdmissionDeps, AdmissionWrite } from '../plugin.ts';
import { shown } from '../webhooks/review.ts';
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
    object: draft ? shown(draft, served) : null,
    oldObject: old ? shown(old, served) : null,
    request: requestValue(write, served),
    namespaceObject:
      namespace === undefined || isNamespace ? null : (deps.read('namespaces', '', undefined, namespace) ?? null),
    authorizer: authorizerValue(request, deps),
  };
}

function requestValue({ request, draft }: AdmissionWrite, { api }: ServedResource) {
  const { user, operation, name, namespace, subresource, dryRun } = request;
  const kindOf = ({ group, version, kind }: typeof api) => ({ group, version, kind });
  const resourceOf = ({ group, version, resource }: typeof api) => ({ group, version, resource });
  return {
    kind: kindOf(api),
    resource: resourceOf(api),
    subResource: subresource ?? '',
    requestKind: kindOf(request.api),
    requestResource: resourceOf(request.api),
    requestSubResource: subresource ?? '',
    name: name ?? draft?.metadata.name ?? '',
    namespace: namespace ?? '',
    operation,
    userInfo: {
      username: user.name,
      uid: user.uid ?? '',
      groups: user.groups,
      extra: user.extra ?? {},
    },
    dryRun,
  };
}
