import type { Pod, StatefulSet } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { isControlledBy } from '../../runtime/owner.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import { isPodActive } from '../pod-readiness.ts';

const { statefulSets, pods, controllerRevisions } = kinds;

export const statefulSetLaws: ControllerLaws = {
  controller: 'statefulset',
  primary: statefulSets,
  children: [pods, controllerRevisions],
  start(server) {
    server.put(statefulSets, {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { namespace: 'shop', name: 'db' },
      spec: {
        replicas: 3,
        serviceName: 'db',
        selector: { matchLabels: { app: 'db' } },
        template: templateOf('db:1'),
        podManagementPolicy: 'OrderedReady',
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        revisionHistoryLimit: 10,
      },
    });
  },
  moves: {
    'it is scaled': changed((spec, dice) => ({ ...spec, replicas: dice % 6 })),
    'another template': changed((spec, dice) => ({ ...spec, template: templateOf(`db:${dice % 3}`) })),
    'a partition': changed((spec, dice) => ({
      ...spec,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: dice % 4 } },
    })),
  },
  never({ verb, kindId, after }, server) {
    if (verb !== 'create' || kindId !== 'pods') return undefined;
    const set = server.list(statefulSets).find((owner) => isControlledBy(after as Pod, owner));
    const replicas = set?.spec.replicas ?? 0;
    const active = server.list(pods).filter((pod) => set && isControlledBy(pod, set) && isPodActive(pod));
    return active.length > replicas ? `more than the ${replicas} pods wanted` : undefined;
  },
  atRest(server) {
    for (const set of server.list(statefulSets)) {
      const { deletionTimestamp, generation } = set.metadata;
      if (!deletionTimestamp && set.status?.observedGeneration !== generation) return `${keyOf(set)} was not looked at`;
    }
    return undefined;
  },
};

function templateOf(image: string): StatefulSet['spec']['template'] {
  return { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'db', image }] } };
}

function changed(change: (spec: StatefulSet['spec'], dice: number) => StatefulSet['spec']): Move {
  return (server, dice) => {
    const set = pick(server.list(statefulSets), dice);
    if (set) server.put(statefulSets, { ...set, spec: change(set.spec, Math.floor(dice / 5)) });
  };
}
