import { keyOf, kinds } from '@slipway/client/kinds';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { accountAnnotation, accountTokenType } from './plan.ts';

const { secrets, serviceAccounts } = kinds;

export const accountTokenLaws: ControllerLaws = {
  controller: 'serviceaccount-token',
  primary: secrets,
  start(server) {
    putAccount(server, 0);
    putSecret(server, 's0', 0);
    // Nobody's token.
    server.put(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'shop', name: 'mine' },
      type: 'Opaque',
    });
  },
  moves: {
    'an account comes': (server, dice) => putAccount(server, dice % 2),
    'an account goes': (server, dice) => server.remove(serviceAccounts, `shop/robot-${dice % 2}`),
    'a secret for an account comes': (server, dice) => putSecret(server, `s${dice % 5}`, dice % 2),
    'a token is emptied': (server, dice) => {
      const secret = pick(server.list(secrets), dice);
      if (secret) server.put(secrets, { ...secret, data: {} });
    },
  },
  mayWrite: ({ kindId, before }) => kindId === 'secrets' && (before as { type?: string }).type === accountTokenType,
  atRest: (server) => {
    for (const secret of server.list(secrets)) {
      if (secret.type !== accountTokenType || secret.metadata.deletionTimestamp) continue;
      const account = secret.metadata.annotations?.[accountAnnotation];
      if (!server.get(serviceAccounts, `shop/${account}`)) return `${keyOf(secret)} outlives its account`;
      if (!secret.data?.token) return `${keyOf(secret)} has no token`;
    }
    return undefined;
  },
};

function putAccount(server: MemoryServer, n: number): void {
  if (server.get(serviceAccounts, `shop/robot-${n}`)) return;
  server.put(serviceAccounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { namespace: 'shop', name: `robot-${n}` },
  });
}

function putSecret(server: MemoryServer, name: string, account: number): void {
  if (server.get(secrets, `shop/${name}`)) return;
  server.put(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'shop', name, annotations: { [accountAnnotation]: `robot-${account}` } },
    type: accountTokenType,
  });
}
