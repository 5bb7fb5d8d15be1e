/**
 * Who may say that an object belongs to another: whoever names owners must be allowed to delete the object (the garbage collector will do it
 * for him), and whoever holds an owner's deletion back must be allowed to set the owner's finalizers.
 */
import type { ObjectMeta, OwnerReference } from '@slipway/api/types';
import { mastersGroup } from '../../authz/authorizer.ts';
import { forbidden } from '../../registry/status-errors.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from '../plugin.ts';

export const ownerReferencesPermissionEnforcement: AdmissionPlugin = {
  name: 'OwnerReferencesPermissionEnforcement',
  on: [{ operations: ['CREATE', 'UPDATE'], group: '*', resources: ['*'] }],

  validate({ draft, old, request }, deps) {
    const references = draft?.metadata.ownerReferences;
    const before = old?.metadata.ownerReferences;
    if (!draft || (references === undefined && before === undefined)) return;
    if (request.user.groups.includes(mastersGroup)) return;
    if (old && isSame(references, before)) return;
    // A new object without owners needs nobody's permission.
    if (old || references?.length) checkDelete(draft.metadata, request, deps);
    for (const reference of newlyBlocking(references ?? [], before ?? [])) {
      checkBlocking(reference, draft.metadata, request, deps);
    }
  },
};

function checkDelete({ name = '' }: ObjectMeta, { user, api, namespace = '' }: AdmissionRequest, deps: AdmissionDeps) {
  if (deps.may(user, 'delete', { group: api.group, resource: api.resource, namespace, name })) return;
  throw forbidden(api, name, "cannot set an ownerRef on a resource you can't delete: , <nil>");
}

function checkBlocking(
  { apiVersion, kind, name: ownerName }: OwnerReference,
  { name = '' }: ObjectMeta,
  { user, api, namespace = '' }: AdmissionRequest,
  deps: AdmissionDeps,
): void {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const owner = deps.findKind({ group: group ?? '', version: version ?? '', kind });
  if (!owner) {
    throw forbidden(
      api,
      name,
      `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}: no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`,
    );
  }
  const { resource, namespaced } = owner;
  const target = { group: owner.group, resource, subresource: 'finalizers', name: ownerName };
  if (deps.may(user, 'update', { ...target, namespace: namespaced ? namespace : '' })) return;
  throw forbidden(
    api,
    name,
    "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>",
  );
}

function newlyBlocking(references: readonly OwnerReference[], before: readonly OwnerReference[]): OwnerReference[] {
  const blocked = new Set(before.filter(({ blockOwnerDeletion }) => blockOwnerDeletion).map(({ uid }) => uid));
  return references.filter(({ blockOwnerDeletion, uid }) => blockOwnerDeletion && !blocked.has(uid));
}

function isSame(
  references: readonly OwnerReference[] | undefined,
  before: readonly OwnerReference[] | undefined,
): boolean {
  return JSON.stringify(references ?? []) === JSON.stringify(before ?? []);
}
