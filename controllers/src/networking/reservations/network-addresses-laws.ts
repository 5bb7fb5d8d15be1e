import type { NetworkAddress } from '@slipway/api/networks/network-types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aPod } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { isPodFinished } from '../../workloads/pod-readiness.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';

const { networkAddresses, networks, pods } = kinds;

/** Of the pod, as its node reserves it. */
function reserve(server: MemoryServer, dice: number): void {
  const pod = pick(server.list(pods), dice);
  const name = `n0.10.5.0.${dice % 3}`;
  if (!pod || isPodFinished(pod) || server.get(networkAddresses, name)) return;
  const { namespace = '', name: podName = '', uid = '' } = pod.metadata;
  server.put(networkAddresses, {
    apiVersion: 'networks.slipway.dev/v1',
    kind: 'NetworkAddress',
    metadata: { name },
    spec: { network: 'n0', address: `10.5.0.${dice % 3}`, pod: { namespace, name: podName, uid }, nodeName: 'node' },
  });
}

function isHeld({ spec }: NetworkAddress, server: MemoryServer): boolean {
  const pod = server.get(pods, `${spec.pod.namespace}/${spec.pod.name}`);
  const isThere = pod !== undefined && pod.metadata.uid === spec.pod.uid && !isPodFinished(pod);
  return isThere && server.get(networks, spec.network) !== undefined;
}

export const networkAddressesLaws: ControllerLaws = {
  controller: 'network-addresses',
  primary: networkAddresses,
  start(server) {
    const spec = { driver: 'macvlan' } as const;
    server.put(networks, { apiVersion: 'networks.slipway.dev/v1', kind: 'Network', metadata: { name: 'n0' }, spec });
    for (const name of ['a', 'b', 'c']) server.put(pods, aPod({ name }));
  },
  moves: {
    'a node reserves an address': reserve,
    'a pod goes': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      if (pod) server.remove(pods, keyOf(pod));
    },
    'a pod of the same name comes': (server, dice) => {
      const pod = aPod({ name: pick(['a', 'b', 'c'], dice) ?? 'a' });
      if (!server.get(pods, keyOf(pod)))
        server.put(pods, { ...pod, metadata: { ...pod.metadata, uid: `uid-${dice}` } });
    },
    'a pod ends': (server, dice) => {
      const pod = pick(server.list(pods), dice);
      if (pod) server.put(pods, { ...pod, status: { ...pod.status, phase: 'Succeeded' } });
    },
    'the Network goes': (server) => {
      if (server.get(networks, 'n0')) server.remove(networks, 'n0');
    },
  },
  mayWrite: ({ kindId, verb }) => kindId === 'networkaddresses.networks.slipway.dev' && verb === 'delete',
  never: ({ verb, before }, server) => {
    const address = before as NetworkAddress;
    return verb === 'delete' && isHeld(address, server)
      ? `${address.spec.address} was taken away from its pod`
      : undefined;
  },
  atRest(server) {
    const left = server
      .list(networkAddresses)
      .find((address) => !address.metadata.deletionTimestamp && !isHeld(address, server));
    return left && `${left.metadata.name} is nobody's`;
  },
};
