import type { CertificateRequest } from '@slipway/api/certificates/certificate-request';
import { kinds } from '@slipway/client/kinds';
import type { ControllerDefinition, ControllerDeps, Outcome } from '../../../runtime/controller-definition.ts';
import { causeObjectFrom } from '../../../runtime/plan-reconciler.ts';
import { failed, planSigning } from './plan.ts';

/** The cluster's authority. Answers a certificate in PEM. */
export type SignCertificate = (order: {
  readonly request: CertificateRequest;
  readonly usages: readonly string[];
  readonly validMs: number;
}) => Promise<string>;

const component = 'certificatesigningrequest-signing-controller';

/** As upstream's `--cluster-signing-duration`. */
const validMsDefault = 365 * 24 * 3600_000;

/** Signs approved requests for the signers of Kubernetes itself. Does nothing where the authority's key is not at hand. */
export function csrSigningController(
  sign: SignCertificate | undefined,
  validMsMax: number = validMsDefault,
): ControllerDefinition {
  return {
    name: 'csrsigning',
    component,
    account: 'certificate-controller',
    primary: kinds.certificateSigningRequests,
    triggers: [],
    create: (deps) => ({
      reconcile: async (key, { signal }) => (sign ? await reconcile(key, { sign, validMsMax }, deps, signal) : {}),
    }),
  };
}

async function reconcile(
  key: string,
  { sign, validMsMax }: { readonly sign: SignCertificate; readonly validMsMax: number },
  { caches, client: plain }: ControllerDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  const csr = caches.get(kinds.certificateSigningRequests, key);
  if (!csr) return {};
  const client = plain.withCause({ controller: component, object: causeObjectFrom(csr) });
  const plan = planSigning(csr, validMsMax);
  if (plan.op === 'leave') return {};
  if (plan.op === 'fail') {
    await client.updateStatus(kinds.certificateSigningRequests, failed(csr, plan.message), { signal });
    return {};
  }
  const pem = await sign({ request: plan.request, usages: csr.spec.usages ?? [], validMs: plan.validMs });
  const certificate = Buffer.from(pem).toString('base64');
  const signed = { ...csr, status: { ...csr.status, certificate } };
  await client.updateStatus(kinds.certificateSigningRequests, signed, { signal });
  return {};
}
