import { kinds } from '@slipway/client/kinds';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { inEachNamespace, namespaceMoves, startNamespaces } from '../../testing/laws/namespace-moves.ts';

export const serviceAccountLaws: ControllerLaws = {
  controller: 'serviceaccount',
  primary: kinds.namespaces,
  start: startNamespaces,
  moves: {
    ...namespaceMoves,
    'an account is deleted': (server, dice) => server.remove(kinds.serviceAccounts, `ns-${dice % 3}/default`),
  },
  mayWrite: ({ kindId, verb, after }) =>
    kindId === 'serviceaccounts' && verb === 'create' && after?.metadata.name === 'default',
  atRest: (server) => inEachNamespace(server, kinds.serviceAccounts, 'default'),
};
