import { notFound } from '../../../registry/status-errors.ts';
import type { Pod } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import { referencesOf } from '../../../authz/pod-references.ts';
import type { AdmissionDeps } from '../../plugin.ts';
import type { NodeCheck } from './node-restriction.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

export const podProblem: NodeCheck = (node, { draft, old, request }, deps) => {
  const shown = JSON.stringify(node);
  const [wanted, before] = [draft, old] as (Pod | undefined)[];
  switch (request.subresource) {
    case undefined:
      if (request.operation === 'CREATE') return wanted && mirrorProblem(node, wanted, deps);
      if (request.operation === 'DELETE') return notOwn(before, node, `node ${shown} can only delete pods`);
      return `unexpected operation "${request.operation}", node ${shown} can only create and delete mirror pods`;
    case 'status':
      return (
        notOwn(before, node, `node ${shown} can only update pod status for pods`) ?? statusProblem(wanted, before, node)
      );
    case 'eviction': {
      const { name = '', namespace } = request;
      const pod = deps.read('pods', '', namespace, name) as Pod | undefined;
      if (!pod) return notFound({ group: '', resource: 'pods' }, name);
      return notOwn(pod, node, `node ${node} can only evict pods`);
    }
    default:
      return `unexpected pod subresource ${JSON.stringify(request.subresource)}, only 'status' and 'eviction' are allowed`;
  }
};

function notOwn(pod: Pod | undefined, node: string, refusal: string): string | undefined {
  return pod && pod.spec?.nodeName !== node ? `${refusal} with spec.nodeName set to itself` : undefined;
}

function statusProblem(wanted: Pod | undefined, before: Pod | undefined, node: string): string | undefined {
  if (!semanticEqual(wanted?.metadata.labels, before?.metadata.labels)) {
    return `node ${JSON.stringify(node)} cannot update labels through pod status`;
  }
  if (!semanticEqual(wanted?.status?.resourceClaimStatuses, before?.status?.resourceClaimStatuses)) {
    return `node ${JSON.stringify(node)} cannot update resource claim statuses`;
  }
  return undefined;
}

/** A node tells of pods that run by its own files. They may refer to nothing: else a node could give itself any right. */
function mirrorProblem(node: string, pod: Pod, deps: AdmissionDeps): string | undefined {
  const shown = JSON.stringify(node);
  if (pod.metadata.annotations?.[mirrorAnnotation] === undefined) {
    return `pod does not have ${JSON.stringify(mirrorAnnotation)} annotation, node ${shown} can only create mirror pods`;
  }
  const can = `node ${shown} can only create pods`;
  if (pod.spec?.nodeName !== node) return `${can} with spec.nodeName set to itself`;
  const owners = pod.metadata.ownerReferences ?? [];
  const [owner] = owners;
  if (!owner) return `${can} with an owner reference set to itself`;
  if (owners.length > 1) return `${can} with a single owner reference set to itself`;
  if (owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    return `${can} with an owner reference set to itself`;
  }
  if (!owner.controller) return `${can} with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion) return `node ${shown} must not set blockOwnerDeletion on an owner reference`;
  const uid = deps.read('nodes', '', undefined, node)?.metadata.uid ?? '';
  if (uid !== owner.uid) return `node ${shown} UID mismatch: expected ${uid} got ${owner.uid}`;
  return referenceProblem(shown, pod);
}

const referenceNames: Readonly<Record<string, string>> = {
  serviceaccounts: 'reference a service account',
  secrets: 'reference secrets',
  configmaps: 'reference configmaps',
  persistentvolumeclaims: 'reference persistentvolumeclaims',
  resourceclaims: 'reference resourceclaims',
};

function referenceProblem(shown: string, pod: Pod): string | undefined {
  const { annotations: _, ...metadata } = pod.metadata;
  for (const reference of referencesOf({ ...pod, metadata })) {
    const what = referenceNames[reference.slice(0, reference.indexOf('/'))];
    if (what) return `node ${shown} can not create pods that ${what}`;
  }
  return undefined;
}
