import type { SubjectAccessReview } from '@slipway/api/types';
import { type Kind, kinds } from '@slipway/client/kinds';
import type { ControllerDefinition, ControllerDeps, Outcome } from '../../../runtime/controller-definition.ts';
import { causeObjectFrom } from '../../../runtime/plan-reconciler.ts';
import type { Csr } from '../csr.ts';
import { approved, decideServing, recognizedAs, servingMessage, servingNodeOf } from './plan.ts';

const component = 'certificatesigningrequest-approving-controller';
/** While a node is waited for. */
const lookAgainMs = 500;

/** Approves the client certificates of node agents, for those who may ask for them, and what the agents of nodes show at their own addresses. */
export const csrApprovingController: ControllerDefinition = {
  name: 'csrapproving',
  component,
  account: 'certificate-controller',
  primary: kinds.certificateSigningRequests,
  triggers: [],
  create: (deps) => ({ reconcile: (key, { signal }) => reconcile(key, deps, signal) }),
};

async function reconcile(
  key: string,
  { caches, client: plain, clock }: ControllerDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  const csr = caches.get(kinds.certificateSigningRequests, key);
  if (!csr) return {};
  const client = plain.withCause({ controller: component, object: causeObjectFrom(csr) });
  const servingNode = servingNodeOf(csr);
  if (servingNode !== undefined) {
    const decision = decideServing(csr, caches.get(kinds.nodes, servingNode), clock.nowMs());
    if (decision === 'approve') {
      const draft = approved(csr, servingMessage);
      await client.updateSubresource(kinds.certificateSigningRequests, draft, 'approval', { signal });
    }
    return decision === 'wait' ? { againAfterMs: lookAgainMs } : {};
  }
  for (const { permission, message } of recognizedAs(csr)) {
    const review = await client.create(reviews, accessReview(csr, permission), { signal });
    if (!review.status?.allowed) continue;
    await client.updateSubresource(kinds.certificateSigningRequests, approved(csr, message), 'approval', { signal });
    return {};
  }
  return {};
}

const reviews: Kind<SubjectAccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  resource: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
};

function accessReview({ spec }: Csr, permission: string): SubjectAccessReview {
  const { username = '', uid, groups, extra } = spec;
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: {
      user: username,
      ...(uid ? { uid } : {}),
      ...(groups ? { groups: [...groups] } : {}),
      ...(extra ? { extra } : {}),
      resourceAttributes: {
        group: 'certificates.k8s.io',
        version: '*',
        resource: 'certificatesigningrequests',
        subresource: permission,
        verb: 'create',
      },
    },
  };
}
