import { isStatus } from '@slipway/api/status-error';
import type { Secret } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import {
  type ControllerDefinition,
  type ControllerDeps,
  type Outcome,
  triggerOn,
} from '../../runtime/controller-definition.ts';
import { causeObjectFrom } from '../../runtime/plan-reconciler.ts';
import { accountAnnotation, accountTokenType, filled, planAccountToken } from './plan.ts';

/** Signs a token for a Secret, as the cluster. */
export type SignAccountToken = (order: {
  readonly namespace: string;
  readonly secretName: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
}) => string;

const component = 'serviceaccount-token-controller';

/** Fills Secrets of type `kubernetes.io/service-account-token`, and takes them away with their service account. */
export function accountTokenController(caPem: string, sign: SignAccountToken | undefined): ControllerDefinition {
  return {
    name: 'serviceaccount-token',
    component,
    account: 'system:kube-controller-manager',
    primary: kinds.secrets,
    triggers: [
      triggerOn(kinds.serviceAccounts, ({ metadata }, caches) =>
        caches
          .inNamespace(kinds.secrets, metadata.namespace ?? '')
          .filter((secret) => accountOf(secret) === metadata.name)
          .map(keyOf),
      ),
    ],
    create: (deps) => ({
      reconcile: async (key, { signal }) => (sign ? await reconcile(key, { sign, caPem }, deps, signal) : {}),
    }),
  };
}

function accountOf({ type, metadata }: Secret): string | undefined {
  return type === accountTokenType ? metadata.annotations?.[accountAnnotation] : undefined;
}

async function reconcile(
  key: string,
  { sign, caPem }: { readonly sign: SignAccountToken; readonly caPem: string },
  { caches, client: plain }: ControllerDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  const secret = caches.get(kinds.secrets, key);
  const name = secret && accountOf(secret);
  if (!secret || !name) return {};
  const { namespace = '', name: secretName = '', uid, resourceVersion } = secret.metadata;
  const client = plain.withCause({ controller: component, object: causeObjectFrom(secret) });
  // The cache may not have the account yet that the secret was made for.
  const account =
    caches.get(kinds.serviceAccounts, `${namespace}/${name}`) ??
    (await client.get(kinds.serviceAccounts, { namespace, name }, { signal }).catch(absent));
  const plan = planAccountToken(secret, account, caPem);
  if (plan.op === 'delete') {
    await client.delete(kinds.secrets, { namespace, name: secretName }, { signal, uid, resourceVersion }).catch(absent);
  }
  if (plan.op === 'fill') {
    const token = sign({ namespace, secretName, serviceAccount: plan.account });
    await client.update(kinds.secrets, filled(secret, plan.account.uid, token, caPem), { signal });
  }
  return {};
}

function absent(error: unknown): undefined {
  if (!isStatus(error, 'NotFound')) throw error;
}
