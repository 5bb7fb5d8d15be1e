import type { CSIDriver, Pod, TokenRequest } from '@slipway/api/types';
import { notFound } from '../../../registry/status-errors.ts';
import type { AdmissionDeps, AdmissionRequest } from '../../plugin.ts';
import type { NodeCheck } from './node-restriction.ts';

/** A node asks for tokens of the pods that it runs, for the audiences that they name. */
export const tokenProblem: NodeCheck = (node, { draft, request }, deps) => {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return undefined;
  const { boundObjectRef: ref, audiences = [] } = (draft as TokenRequest | undefined)?.spec ?? {};
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) {
    return 'node requested token not bound to a pod';
  }
  if (!ref.uid) return 'node requested token with a pod binding without a uid';
  const pod = deps.read('pods', '', request.namespace, ref.name) as Pod | undefined;
  if (!pod) return notFound({ group: '', resource: 'pods' }, ref.name);
  if (pod.metadata.uid !== ref.uid) {
    return `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  }
  if (pod.spec?.nodeName !== node) return 'node requested token bound to a pod scheduled on a different node';
  for (const audience of audiences) {
    if (!isNamed(audience, pod, deps) && !mayAskFor(audience, request, deps)) {
      return `audience ${JSON.stringify(audience)} not found in pod spec volume`;
    }
  }
  return undefined;
};

function isNamed(audience: string, pod: Pod, deps: AdmissionDeps): boolean {
  return (pod.spec?.volumes ?? []).some(({ projected, csi }) => {
    const own = (projected?.sources ?? []).some(
      ({ serviceAccountToken }) => serviceAccountToken?.audience === audience,
    );
    if (own || !csi) return own;
    const driver = deps.read('csidrivers', 'storage.k8s.io', undefined, csi.driver) as CSIDriver | undefined;
    return (driver?.spec.tokenRequests ?? []).some((wanted) => wanted.audience === audience);
  });
}

/** For those who fetch images with the token of a pod: an administrator names the audiences by a role. */
function mayAskFor(
  audience: string,
  { user, namespace = '', name = '' }: AdmissionRequest,
  deps: AdmissionDeps,
): boolean {
  const verb = 'request-serviceaccounts-token-audience';
  return deps.may(user, verb, { group: '', resource: audience, namespace, name });
}
