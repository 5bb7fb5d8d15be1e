import type { Pod, ReplicaSetSpec } from '@slipway/api/types';
import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import { isControlledBy } from '../../runtime/owner.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { isPodActive } from '../pod-readiness.ts';
import type { ReplicasOwner } from './replicas-kind.ts';

const { pods } = kinds;

/** The laws of a kind that keeps replicas. `make` builds an object of it that selects pods of an app. */
export function replicasLaws<Owner extends ReplicasOwner>(
  controller: string,
  kind: Kind<Owner>,
  make: (app: string, more: Partial<ReplicaSetSpec>) => Owner,
): ControllerLaws {
  const ownerOf = (pod: Pod, server: MemoryServer) => server.list(kind).find((owner) => isControlledBy(pod, owner));
  return {
    controller,
    primary: kind,
    children: [pods],
    start(server) {
      server.put(kind, make('web', { replicas: 3 }));
      const labelled = { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image: 'db' }] } };
      server.put(kind, make('db', { replicas: 2, minReadySeconds: 30, template: labelled }));
    },
    moves: { 'it is scaled': scale(kind, 0, 5), 'it is scaled far up': scale(kind, 5, 40) },
    never({ verb, kindId, after, before }, server) {
      if (kindId !== 'pods') return undefined;
      const owner = ownerOf((after ?? before) as Pod, server);
      const wanted = owner?.spec.replicas ?? 0;
      if (verb === 'create' && owner?.metadata.deletionTimestamp) return 'a pod for an owner that is being deleted';
      if (verb === 'create' && owner && activeOf(owner, server) > wanted) return `more than the ${wanted} pods wanted`;
      if (verb === 'delete' && owner && activeOf(owner, server) < wanted) return `fewer than the ${wanted} pods wanted`;
      return undefined;
    },
    atRest(server) {
      for (const owner of server.list(kind)) {
        if (owner.metadata.deletionTimestamp) continue;
        const active = activeOf(owner, server);
        if (active !== owner.spec.replicas)
          return `${keyOf(owner)} has ${active} pods instead of ${owner.spec.replicas}`;
        if (owner.status?.replicas !== active)
          return `${keyOf(owner)} says it has ${owner.status?.replicas} of ${active}`;
      }
      return undefined;
    },
  };
}

function scale<Owner extends ReplicasOwner>(kind: Kind<Owner>, from: number, to: number): Move {
  return (server, dice) => {
    const owner = pick(server.list(kind), dice);
    const replicas = from + (Math.floor(dice / 3) % (to - from));
    if (owner) server.put(kind, { ...owner, spec: { ...owner.spec, replicas } });
  };
}

function activeOf(owner: ReplicasOwner, server: MemoryServer): number {
  return server.list(pods).filter((pod) => isPodActive(pod) && isControlledBy(pod, owner)).length;
}
