import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { aNode, aPod } from '../../testing/builders.ts';
import { pick, podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import { nodeMoves } from '../../testing/laws/node-moves.ts';
import { isOutOfService } from './plan.ts';

const { nodes, pods } = kinds;

export const podGcLaws: ControllerLaws = {
  controller: 'pod-gc',
  start(server) {
    for (const name of ['n0', 'n1']) server.put(nodes, aNode(name, 'True'));
  },
  moves: {
    ...podMoves,
    ...nodeMoves,
    'a pod comes': (server, dice) => {
      const name = `p${dice % 11}`;
      const node = dice % 3 === 0 ? {} : { node: `n${dice % 6}` };
      if (!server.get(pods, `shop/${name}`)) server.put(pods, aPod({ name, ready: true, ...node }));
    },
    'a node is declared off': (server, dice) => {
      const node = pick(server.list(nodes), dice);
      const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }];
      if (node) server.put(nodes, { ...node, spec: { ...node.spec, taints } });
    },
    'a pod is deleted': (server, dice) => server.delete(pods, `shop/p${dice % 11}`),
    'a pod is deleted and held by a finalizer': (server, dice) => {
      const pod = server.get(pods, `shop/p${dice % 11}`);
      if (!pod) return;
      server.put(pods, { ...pod, metadata: { ...pod.metadata, finalizers: ['example.com/held'] } });
      server.delete(pods, keyOf(pod));
    },
  },
  mayWrite: ({ kindId, verb, subresource }) => kindId === 'pods' && (verb === 'delete' || subresource === 'status'),
  never({ before }, server) {
    const { spec, metadata } = before as Pod;
    const node = spec.nodeName === undefined ? undefined : server.get(nodes, spec.nodeName);
    if (node && !isOutOfService(node)) return 'the node of the pod is there';
    if (node && !metadata.deletionTimestamp) return 'nobody has deleted the pod';
    return spec.nodeName || metadata.deletionTimestamp ? undefined : 'the pod waits for a node';
  },
  atRest: (server) => {
    const left = server.list(pods).find(({ spec, metadata }) => {
      const isOrphan = spec.nodeName && !server.get(nodes, spec.nodeName);
      return isOrphan && !metadata.finalizers?.length;
    });
    return left && `${keyOf(left)} is left of a node that is gone`;
  },
};
