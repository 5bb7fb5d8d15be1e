import type { Pod, ReplicaSet } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { isControlledBy } from '../../runtime/owner.ts';
import { aReplicaSet } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { isPodActive } from '../pod-readiness.ts';

const { replicaSets, pods } = kinds;

export const replicaSetLaws: ControllerLaws = {
  controller: 'replicaset',
  primary: replicaSets,
  children: [pods],
  start(server) {
    server.put(replicaSets, aReplicaSet(3));
    const other = aReplicaSet(2, { selector: { matchLabels: { app: 'db' } } });
    server.put(replicaSets, {
      ...other,
      metadata: { namespace: 'shop', name: 'db' },
      spec: {
        ...other.spec,
        minReadySeconds: 30,
        template: { ...other.spec.template, metadata: { labels: { app: 'db' } } },
      },
    });
  },
  moves: { 'it is scaled': scale(0, 5), 'it is scaled far up': scale(5, 40) },
  never({ verb, kindId, after, before }, server) {
    if (kindId !== 'pods') return undefined;
    const set = server.list(replicaSets).find((owner) => isControlledBy((after ?? before) as Pod, owner));
    const wanted = set?.spec.replicas ?? 0;
    if (verb === 'create' && set?.metadata.deletionTimestamp) return 'a pod for a replica set that is being deleted';
    if (verb === 'create' && set && activeOf(set, server) > wanted) return `more than the ${wanted} pods wanted`;
    if (verb === 'delete' && set && activeOf(set, server) < wanted) return `fewer than the ${wanted} pods wanted`;
    return undefined;
  },
  atRest(server) {
    for (const set of server.list(replicaSets)) {
      if (set.metadata.deletionTimestamp) continue;
      const active = activeOf(set, server);
      if (active !== set.spec.replicas) return `${keyOf(set)} has ${active} pods instead of ${set.spec.replicas}`;
      if (set.status?.replicas !== active) return `${keyOf(set)} says it has ${set.status?.replicas} of ${active} pods`;
    }
    return undefined;
  },
};

function scale(from: number, to: number): Move {
  return (server, dice) => {
    const set = pick(server.list(replicaSets), dice);
    const replicas = from + (Math.floor(dice / 3) % (to - from));
    if (set) server.put(replicaSets, { ...set, spec: { ...set.spec, replicas } });
  };
}

function activeOf(set: ReplicaSet, server: MemoryServer): number {
  return server.list(pods).filter((pod) => isPodActive(pod) && isControlledBy(pod, set)).length;
}
