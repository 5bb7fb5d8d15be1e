import { kinds } from '@slipway/client/kinds';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { inEachNamespace, namespaceMoves, startNamespaces } from '../../testing/laws/namespace-moves.ts';
import { rootCaName } from './observe.ts';

export const rootCaLaws: ControllerLaws = {
  controller: 'root-ca-certificate-publisher',
  primary: kinds.namespaces,
  start: startNamespaces,
  moves: {
    ...namespaceMoves,
    'a certificate is deleted': (server, dice) => server.remove(kinds.configMaps, `ns-${dice % 3}/${rootCaName}`),
    'somebody writes into it': (server, dice) => {
      const map = server.get(kinds.configMaps, `ns-${dice % 3}/${rootCaName}`);
      if (map) server.put(kinds.configMaps, { ...map, data: { ...map.data, [`key-${dice % 5}`]: 'x' } });
    },
    'another map comes': (server, dice) => {
      const metadata = { namespace: `ns-${dice % 3}`, name: `mine-${dice % 5}` };
      server.put(kinds.configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    },
  },
  mayWrite: ({ kindId, verb, after }) =>
    kindId === 'configmaps' && verb !== 'delete' && after?.metadata.name === rootCaName,
  atRest: (server) => inEachNamespace(server, kinds.configMaps, rootCaName),
};
