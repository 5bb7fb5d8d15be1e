import { keyOf, kinds } from '@slipway/client/kinds';
import { aNode } from '../../testing/builders.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { nodeMoves } from '../../testing/laws/node-moves.ts';
import { ttlAnnotation } from './plan.ts';

const { nodes } = kinds;

export const nodeTtlLaws: ControllerLaws = {
  controller: 'ttl',
  primary: nodes,
  start: (server) => grow(server, 0, 95),
  moves: {
    ...nodeMoves,
    'the cluster grows': (server, dice) => grow(server, 95, 95 + (dice % 20)),
    'the cluster shrinks': (server, dice) => {
      for (const node of server.list(nodes).slice(0, dice % 20)) server.remove(nodes, keyOf(node));
    },
  },
  mayWrite: ({ kindId, verb }) => kindId === 'nodes' && verb === 'patch',
  atRest: (server) => {
    const values = new Set(server.list(nodes).map(({ metadata }) => metadata.annotations?.[ttlAnnotation]));
    return values.size === 1 && !values.has(undefined) ? undefined : `nodes say ${[...values]}`;
  },
};

function grow(server: MemoryServer, from: number, to: number): void {
  for (let i = from; i < to; i++) if (!server.get(nodes, `g${i}`)) server.put(nodes, aNode(`g${i}`, 'True'));
}
