import type { Namespace } from '@slipway/api/types';
import { StatusError } from '@slipway/api/status-error';
import { forbidden, notFound } from '../../registry/status-errors.ts';
import type { AdmissionPlugin } from '../plugin.ts';

/** The cluster cannot do without them. */
const protectedNamespaces = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);

const namespaces = { group: '', resource: 'namespaces' };

/** Nothing is made in a namespace that does not exist or is on its way out. */
export const namespaceLifecycle: AdmissionPlugin = {
  name: 'NamespaceLifecycle',
  on: [
    { operations: ['CREATE'], group: '*', resources: ['*'] },
    { operations: ['DELETE'], group: '', resources: ['namespaces'] },
  ],

  mutate({ request: { operation, api, namespace = '', name = '' }, draft, signal }, deps) {
    if (operation === 'DELETE') {
      if (protectedNamespaces.has(name)) throw forbidden(namespaces, name, 'this namespace may not be deleted');
      return;
    }
    if (!api.namespaced) return;
    const object = draft?.metadata.name ?? draft?.metadata.generateName ?? '';
    const found = deps.read('namespaces', '', undefined, namespace) as Namespace | undefined;
    if (found) return refuseTerminating(found, api, object);
    return deps.readNewest('namespaces', '', undefined, namespace, signal).then((newest) => {
      if (!newest) throw notFound(namespaces, namespace);
      refuseTerminating(newest as Namespace, api, object);
    });
  },
};

function refuseTerminating(
  { metadata, status }: Namespace,
  resource: { readonly group: string; readonly resource: string },
  name: string,
): void {
  if (metadata.deletionTimestamp === undefined && status?.phase !== 'Terminating') return;
  const refused = forbidden(
    resource,
    name,
    `unable to create new content in namespace ${metadata.name} because it is being terminated`,
  );
  throw new StatusError('Forbidden', refused.message, {
    details: {
      ...refused.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${metadata.name} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  });
}
