/** What nodes go through, for controllers that look at them. */
import type { Taint } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { aNode } from '../builders.ts';
import { pick } from './child-moves.ts';
import type { Move } from './controller-laws.ts';

const { nodes } = kinds;

export const nodeMoves: Readonly<Record<string, Move>> = {
  'a node comes': (server, dice) => {
    if (!server.get(nodes, `n${dice % 6}`))
      server.put(nodes, aNode(`n${dice % 6}`, dice % 2 === 0 ? 'True' : undefined));
  },
  'a node is gone': (server, dice) => {
    const node = pick(server.list(nodes), dice);
    if (node) server.remove(nodes, keyOf(node));
  },
  'a node is ready': (server, dice) => {
    const node = pick(server.list(nodes), dice);
    if (node) server.put(nodes, { ...node, status: aNode('n', 'True').status });
  },
  'a node is not ready': (server, dice) => {
    const node = pick(server.list(nodes), dice);
    if (node) server.put(nodes, { ...node, status: aNode('n', 'False').status });
  },
};

/** Of a user, and of the node lifecycle. */
const drivingOut: readonly Taint[] = [
  { key: 'broken', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
  { key: 'careful', effect: 'NoSchedule' },
];

export const taintMoves: Readonly<Record<string, Move>> = {
  'a taint comes': (server, dice) => {
    const [node, taint] = [pick(server.list(nodes), dice), pick(drivingOut, Math.floor(dice / 3))];
    if (!node || !taint || node.spec.taints?.some(({ key }) => key === taint.key)) return;
    const taints = [...(node.spec.taints ?? []), { ...taint, timeAdded: formatTime(server.nowMs) }];
    server.put(nodes, { ...node, spec: { ...node.spec, taints } });
  },
  'all taints go': (server, dice) => {
    const node = pick(server.list(nodes), dice);
    if (node) server.put(nodes, { ...node, spec: { ...node.spec, taints: [] } });
  },
};
