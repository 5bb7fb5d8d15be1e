import type { NetworkSubnet } from '@slipway/api/networks/network-types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aNode } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';

const { networks, networkSubnets, nodes } = kinds;

function aSubnet(dice: number): NetworkSubnet {
  const network = `n${dice % 2}`;
  const subnet = `10.5.${dice % 4}.0/24`;
  return {
    apiVersion: 'networks.slipway.dev/v1',
    kind: 'NetworkSubnet',
    metadata: { name: `${network}.10.5.${dice % 4}.0-24` },
    spec: { network, subnet, nodeName: `node-${dice % 3}` },
  };
}

const aNetwork = (name: string) =>
  ({
    apiVersion: 'networks.slipway.dev/v1',
    kind: 'Network',
    metadata: { name },
    spec: { driver: 'overlay' },
  }) as const;

export const networkSubnetsLaws: ControllerLaws = {
  controller: 'network-subnets',
  primary: networkSubnets,
  start(server) {
    for (const name of ['n0', 'n1']) server.put(networks, aNetwork(name));
    for (const i of [0, 1, 2]) server.put(nodes, aNode(`node-${i}`, 'True'));
  },
  moves: {
    'a node claims a block': (server, dice) => {
      const subnet = aSubnet(dice);
      if (!server.get(networkSubnets, keyOf(subnet))) server.put(networkSubnets, subnet);
    },
    'a node goes': (server, dice) => {
      const node = pick(server.list(nodes), dice);
      if (node) server.remove(nodes, keyOf(node));
    },
    'a Network goes': (server, dice) => {
      const network = pick(server.list(networks), dice);
      if (network) server.remove(networks, keyOf(network));
    },
  },
  mayWrite: ({ kindId, verb }) => kindId === 'networksubnets.networks.slipway.dev' && verb === 'delete',
  never: ({ verb, before }, server) => {
    const { spec } = before as NetworkSubnet;
    const isHeld = server.get(nodes, spec.nodeName) && server.get(networks, spec.network);
    return verb === 'delete' && isHeld ? `the block ${spec.subnet} of ${spec.nodeName} was taken away` : undefined;
  },
  atRest(server) {
    const left = server
      .list(networkSubnets)
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .find(({ spec }) => !server.get(nodes, spec.nodeName) || !server.get(networks, spec.network));
    return left && `${left.metadata.name} is nobody's`;
  },
};
