import type { Deployment, ReplicaSet } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { isControlledBy } from '../../runtime/owner.ts';
import { aDeployment, withImage } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { boundsOf } from './bounds.ts';

const { deployments, replicaSets } = kinds;

export const deploymentLaws: ControllerLaws = {
  controller: 'deployment',
  primary: deployments,
  children: [replicaSets],
  start(server) {
    server.put(deployments, aDeployment(4));
  },
  moves: {
    'another template': changed((spec, dice) => ({ ...spec, template: withImage(`web:${dice % 3}`) })),
    'it is scaled': changed((spec, dice) => ({ ...spec, replicas: dice % 9 })),
    'other bounds': changed((spec, dice) => ({
      ...spec,
      strategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: dice % 3, maxUnavailable: dice % 3 === 0 ? '50%' : dice % 4 },
      },
    })),
    'it is paused or goes on': changed(({ paused, ...spec }) => (paused ? spec : { ...spec, paused: true })),
    'a replica set reports its pods': (server, dice) => report(pick(server.list(replicaSets), dice), dice % 4, server),
    'all replica sets are as large as wanted': (server) => {
      for (const set of server.list(replicaSets)) report(set, 0, server);
    },
  },
  mayWrite: ({ kindId, verb, before, after }) =>
    // The revision of the deployment itself.
    kindId === 'deployments.apps' && verb !== 'delete' && before?.metadata.generation === after?.metadata.generation,
  never(write, server) {
    if (write.kindId !== 'replicasets.apps' || write.verb === 'delete') return undefined;
    const deployment = server.list(deployments).find((owner) => isControlledBy(write.after as ReplicaSet, owner));
    const grown = replicasOf(write.after as ReplicaSet) - (write.before ? replicasOf(write.before as ReplicaSet) : 0);
    if (!deployment || grown <= 0 || !isControlledBy(write.before ?? (write.after as ReplicaSet), deployment))
      return undefined;
    const { replicas, maxSurge } = boundsOf(deployment);
    const total = setsOf(deployment, server).reduce((sum, set) => sum + replicasOf(set), 0);
    return total > replicas + maxSurge
      ? `grown to ${total} with ${replicas} wanted and ${maxSurge} more allowed`
      : undefined;
  },
  atRest(server) {
    for (const deployment of server.list(deployments)) {
      const { deletionTimestamp, generation } = deployment.metadata;
      if (deletionTimestamp) continue;
      if (deployment.status?.observedGeneration !== generation) return `${keyOf(deployment)} was not looked at`;
      if (!setsOf(deployment, server).length && !deployment.spec.paused)
        return `${keyOf(deployment)} has no replica set`;
    }
    return undefined;
  },
};

function changed(change: (spec: Deployment['spec'], dice: number) => Deployment['spec']): Move {
  return (server, dice) => {
    const deployment = pick(server.list(deployments), dice);
    if (deployment) server.put(deployments, { ...deployment, spec: change(deployment.spec, Math.floor(dice / 5)) });
  };
}

/** As its own controller would: so many of its pods are missing. */
function report(set: ReplicaSet | undefined, missing: number, server: MemoryServer): void {
  if (!set) return;
  const replicas = replicasOf(set);
  const available = Math.max(0, replicas - missing);
  const counts = { replicas, fullyLabeledReplicas: replicas, readyReplicas: available, availableReplicas: available };
  const { generation = 1 } = set.metadata;
  server.put(replicaSets, { ...set, status: { ...counts, observedGeneration: generation } });
}

function replicasOf({ spec }: ReplicaSet): number {
  return spec.replicas ?? 1;
}

function setsOf(deployment: Deployment, server: MemoryServer): ReplicaSet[] {
  return server.list(replicaSets).filter((set) => isControlledBy(set, deployment));
}
