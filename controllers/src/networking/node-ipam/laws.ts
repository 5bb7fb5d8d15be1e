import type { Node } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aNode } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';

const { nodes } = kinds;

export const nodeIpamLaws: ControllerLaws = {
  controller: 'node-ipam',
  start(server) {
    for (const name of ['n0', 'n1']) server.put(nodes, aNode(name, 'True'));
  },
  moves: {
    'a node comes': (server, dice) => {
      if (!server.get(nodes, `n${dice % 6}`)) server.put(nodes, aNode(`n${dice % 6}`, 'True'));
    },
    'a node goes': (server, dice) => {
      const node = pick(server.list(nodes), dice);
      if (node) server.remove(nodes, keyOf(node));
    },
    'a node reports': (server, dice) => {
      const node = pick(server.list(nodes), dice);
      if (node) server.put(nodes, { ...node, status: { ...aNode('n', 'True').status, nodeInfo: undefined } });
    },
  },
  mayWrite: ({ kindId, verb, before }) => kindId === 'nodes' && verb === 'patch' && !(before as Node).spec.podCIDR,
  never: (_, server) => {
    const given = server.list(nodes).flatMap(({ spec }) => spec.podCIDR ?? []);
    return new Set(given).size === given.length ? undefined : `one part is given twice: ${given}`;
  },
  atRest: (server) => (server.list(nodes).every(({ spec }) => spec.podCIDR) ? undefined : 'a node has no addresses'),
};
