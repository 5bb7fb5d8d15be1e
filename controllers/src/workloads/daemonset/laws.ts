import type { DaemonSet, Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { isControlledBy } from '../../runtime/owner.ts';
import { aDaemonSet, aNode, withImage } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { nodeMoves, taintMoves } from '../../testing/laws/node-moves.ts';
import { isPodActive } from '../pod-readiness.ts';
import { nodeOf } from './daemon-pod.ts';

const { daemonSets, pods, nodes, controllerRevisions } = kinds;

export const daemonSetLaws: ControllerLaws = {
  controller: 'daemonset',
  primary: daemonSets,
  children: [pods, controllerRevisions],
  start(server) {
    for (const name of ['n0', 'n1', 'n2']) server.put(nodes, aNode(name, 'True'));
    server.put(daemonSets, aDaemonSet());
  },
  moves: {
    ...nodeMoves,
    ...taintMoves,
    'another template': changed((spec, dice) => ({ ...spec, template: withImage(`web:${dice % 3}`) })),
    'other bounds': changed((spec, dice) => ({
      ...spec,
      updateStrategy: {
        type: 'RollingUpdate',
        rollingUpdate: dice % 2 === 0 ? { maxUnavailable: '50%', maxSurge: 0 } : { maxUnavailable: 0, maxSurge: 2 },
      },
    })),
    'by hand': changed((spec) => ({ ...spec, updateStrategy: { type: 'OnDelete' } })),
  },
  never({ verb, kindId, after }, server) {
    if (verb !== 'create' || kindId !== 'pods') return undefined;
    const set = server.list(daemonSets).find((owner) => isControlledBy(after as Pod, owner));
    const node = nodeOf(after as Pod) ?? '';
    if (!server.get(nodes, node)) return `a pod for ${node}, which is not there`;
    const limit = set?.spec.updateStrategy?.rollingUpdate?.maxSurge ? 2 : 1;
    return set && activeOn(node, set, server) > limit ? `more than ${limit} pods on ${node}` : undefined;
  },
  atRest(server) {
    for (const set of server.list(daemonSets)) {
      if (set.metadata.deletionTimestamp) continue;
      if (set.status?.observedGeneration !== set.metadata.generation) return `${keyOf(set)} was not looked at`;
      for (const { metadata, spec } of server.list(nodes)) {
        if (
          !spec.taints?.length &&
          activeOn(metadata.name ?? '', set, server) === 0 &&
          !isLeaving(metadata.name, server)
        )
          return `no pod on ${metadata.name}`;
      }
    }
    return undefined;
  },
};

function activeOn(node: string, set: DaemonSet, server: MemoryServer): number {
  return server.list(pods).filter((pod) => isPodActive(pod) && isControlledBy(pod, set) && nodeOf(pod) === node).length;
}

/** A pod that its agent has not ended yet holds the place of its successor. */
function isLeaving(node: string | undefined, server: MemoryServer): boolean {
  return server.list(pods).some((pod) => pod.metadata.deletionTimestamp && nodeOf(pod) === node);
}

function changed(change: (spec: DaemonSet['spec'], dice: number) => DaemonSet['spec']): Move {
  return (server, dice) => {
    const set = pick(server.list(daemonSets), dice);
    if (set) server.put(daemonSets, { ...set, spec: change(set.spec, Math.floor(dice / 5)) });
  };
}
