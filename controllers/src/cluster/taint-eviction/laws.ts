import type { Node, Pod, Taint } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aNode, aPod } from '../../testing/builders.ts';
import { podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { nodeMoves, taintMoves } from '../../testing/laws/node-moves.ts';
import { toleratedSeconds } from './tolerations.ts';

const { nodes, pods } = kinds;

/** For ever, for a while, not at all. */
const tolerations = [
  [{ operator: 'Exists' }],
  [
    { key: 'broken', operator: 'Exists', tolerationSeconds: 20 },
    { key: 'node.kubernetes.io/unreachable', tolerationSeconds: 60, operator: 'Exists' },
  ],
  [],
];

export const taintEvictionLaws: ControllerLaws = {
  controller: 'taint-eviction',
  primary: pods,
  start(server) {
    for (const name of ['n0', 'n1']) server.put(nodes, aNode(name, 'True'));
  },
  moves: {
    ...podMoves,
    ...nodeMoves,
    ...taintMoves,
    'a pod comes': (server, dice) => {
      const spec = { nodeName: `n${dice % 2}`, tolerations: tolerations[Math.floor(dice / 2) % 3] ?? [] };
      const name = `p${dice % 11}`;
      if (!server.get(pods, `shop/${name}`)) server.put(pods, aPod({ name, ready: true, spec }));
    },
  },
  mayWrite: ({ kindId, verb }) => kindId === 'pods' && verb === 'delete',
  never({ verb, before }, server) {
    if (verb !== 'delete' || before?.metadata.deletionTimestamp) return undefined;
    const { spec } = before as Pod;
    const placedMs = Date.parse(before?.metadata.creationTimestamp ?? '');
    const due = drivingOut(server.get(nodes, spec.nodeName ?? '')).filter((taint) => {
      const seconds = toleratedSeconds(spec.tolerations ?? [], taint);
      const sinceMs = Math.max(Date.parse(taint.timeAdded ?? ''), placedMs);
      return seconds === undefined || sinceMs + seconds * 1000 <= server.nowMs;
    });
    return due.length === 0 ? 'a pod is deleted that bears all taints' : undefined;
  },
  atRest(server) {
    for (const pod of server.list(pods)) {
      const taints = drivingOut(server.get(nodes, pod.spec.nodeName ?? ''));
      const isBorne = taints.every(
        (taint) => toleratedSeconds(pod.spec.tolerations ?? [], taint) === Number.POSITIVE_INFINITY,
      );
      if (!isBorne && !pod.metadata.deletionTimestamp) return `${keyOf(pod)} stays on a node that drives it out`;
    }
    return undefined;
  },
};

function drivingOut(node: Node | undefined): Taint[] {
  return (node?.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}
