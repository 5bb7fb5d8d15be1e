import type { KubeObject } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aPod } from '../../testing/builders.ts';
import { pick, podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { namespaceMoves, startNamespaces } from '../../testing/laws/namespace-moves.ts';

export const namespaceLaws: ControllerLaws = {
  controller: 'namespace',
  primary: kinds.namespaces,
  start(server) {
    startNamespaces(server);
    fill(server, 'ns-0', 0);
  },
  moves: {
    ...podMoves,
    'a namespace comes': namespaceMoves['a namespace comes'] ?? (() => {}),
    'objects come': (server, dice) => fill(server, `ns-${dice % 3}`, dice % 5),
    'a finalizer holds': (server, dice) => {
      const map = pick(server.list(kinds.configMaps), dice);
      if (map)
        server.put(kinds.configMaps, { ...map, metadata: { ...map.metadata, finalizers: ['example.com/held'] } });
    },
    'nothing holds any more': (server) => {
      for (const map of server.list(kinds.configMaps)) {
        server.put(kinds.configMaps, { ...map, metadata: { ...map.metadata, finalizers: [] } });
      }
    },
  },
  mayWrite: (write, server) => {
    if (write.kindId === 'namespaces') return write.subresource === 'finalize' || write.after === undefined;
    return write.verb === 'delete' && isLeaving(write.before, server);
  },
  atRest(server) {
    for (const namespace of server.list(kinds.namespaces)) {
      const { deletionTimestamp, finalizers } = namespace.metadata;
      if (!deletionTimestamp || finalizers?.length) continue;
      const left = [...server.list(kinds.configMaps), ...server.list(kinds.pods)].filter(
        ({ metadata }) => metadata.namespace === namespace.metadata.name,
      );
      if (left.length === 0) return `${keyOf(namespace)} is empty and stays`;
    }
    return undefined;
  },
};

function isLeaving(object: KubeObject | undefined, server: MemoryServer): boolean {
  return server.get(kinds.namespaces, object?.metadata.namespace ?? '')?.metadata.deletionTimestamp !== undefined;
}

/** A namespace that is on its way out takes nothing in. */
function fill(server: MemoryServer, namespace: string, n: number): void {
  const found = server.get(kinds.namespaces, namespace);
  if (!found || found.metadata.deletionTimestamp) return;
  const metadata = { namespace, name: `map-${n}` };
  server.put(kinds.configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  server.put(kinds.pods, aPod({ node: 'n0', ready: true, metadata: { namespace, name: `pod-${n}` } }));
}
