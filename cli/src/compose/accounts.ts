/**
 * Each controller acts with its own service account of kube-system and the rights that the role `system:controller:NAME` gives it. In
 * the server's process its name is enough; from elsewhere it needs a token, which whoever runs the controllers asks for.
 */
import type { ApiServer } from '@slipway/apiserver';
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { TokenRequest } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { Remote } from './remote.ts';

const namespace = 'kube-system';
const tokenSeconds = 3600;
/** A token is replaced when this part of its time is over. */
const renewAfter = 0.8;
const requestTimeoutMs = 30_000;

export function localAccounts(server: ApiServer): (account: string) => Transport {
  return (account) => server.transport(localUser(account));
}

function localUser(account: string) {
  if (account.startsWith('system:')) return { name: account, groups: [] };
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return { name: `system:serviceaccount:${namespace}:${account}`, groups };
}

/** Users other than service accounts act as whom the kubeconfig names. */
export function remoteAccounts({ transport }: Remote, clock: Clock): (account: string) => Transport {
  const made = new Map<string, Transport>();
  return (account) => {
    if (account.startsWith('system:')) return transport;
    const known = made.get(account);
    if (known) return known;
    const bearerToken = accountToken(new Client(transport), account, clock);
    const own = transport.as({ bearerToken, userAgent: `slipway-${account}` });
    made.set(account, own);
    return own;
  };
}

function accountToken(client: Client, name: string, clock: Clock): () => Promise<string> {
  let held: { readonly token: string; readonly renewAtMs: number } | undefined;
  let asking: Promise<string> | undefined;
  const ask = async () => {
    const signal = AbortSignal.timeout(requestTimeoutMs);
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
    await client.create(kinds.serviceAccounts, account, { signal }).catch(ignoreExisting);
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: tokenSeconds },
    };
    const ref = { namespace, name };
    const answered = await client.createSubresource(kinds.serviceAccounts, ref, 'token', body, { signal });
    const token = (answered as TokenRequest).status?.token ?? '';
    held = { token, renewAtMs: clock.monotonicMs() + tokenSeconds * renewAfter * 1000 };
    return token;
  };
  return () => {
    if (held && clock.monotonicMs() < held.renewAtMs) return Promise.resolve(held.token);
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

function ignoreExisting(error: unknown): void {
  if (!isStatus(error, 'AlreadyExists')) throw error;
}
