import type { KubeObject, PersistentVolume, PersistentVolumeClaim } from '@slipway/api/types';
import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import { aPod } from '../../testing/builders.ts';
import { pick, podMoves } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { Write } from '../../testing/laws/memory-server.ts';
import { claimFinalizer, volumeFinalizer } from './plan.ts';

const { persistentVolumeClaims: claims, persistentVolumes: volumes, pods } = kinds;

export const claimProtectionLaws: ControllerLaws = {
  controller: 'pvc-protection',
  primary: claims as Kind,
  start(server) {
    for (const name of ['c0', 'c1', 'c2']) server.put(claims, aClaim(name));
  },
  moves: {
    ...podMoves,
    'a pod mounts a claim': (server, dice) => {
      const mounted = [{ name: 'data', persistentVolumeClaim: { claimName: `c${dice % 3}` } }];
      const name = `p${dice % 5}`;
      if (!server.get(pods, `shop/${name}`)) {
        server.put(pods, aPod({ name, node: dice % 2 === 0 ? 'n0' : '', spec: { volumes: mounted } }));
      }
    },
    'a pod is gone': (server, dice) => server.remove(pods, `shop/p${dice % 5}`),
  },
  mayWrite: (write) => takesOff(write, 'persistentvolumeclaims', claimFinalizer),
};

export const volumeProtectionLaws: ControllerLaws = {
  controller: 'pv-protection',
  primary: volumes as Kind,
  start(server) {
    for (const name of ['v0', 'v1']) server.put(volumes, aVolume(name, 'Available'));
  },
  moves: {
    'a volume is bound or released': (server, dice) => {
      const volume = pick(server.list(volumes), dice);
      const phase = dice % 2 === 0 ? 'Bound' : 'Released';
      if (volume) server.put(volumes, { ...volume, status: { phase } });
    },
  },
  mayWrite: (write) => takesOff(write, 'persistentvolumes', volumeFinalizer),
  never: ({ before }) => ((before as PersistentVolume).status?.phase === 'Bound' ? 'the volume is bound' : undefined),
  atRest: (server) => {
    const left = server
      .list(volumes)
      .find(
        ({ metadata, status }) =>
          metadata.finalizers?.includes(volumeFinalizer) && metadata.deletionTimestamp && status?.phase !== 'Bound',
      );
    return left && `${keyOf(left)} is deleted and stays`;
  },
};

/** Takes its finalizer off something that is being deleted; with the last one the object goes. */
function takesOff({ kindId, before }: Write, id: string, finalizer: string): boolean {
  const { deletionTimestamp, finalizers } = (before as KubeObject).metadata;
  return (
    kindId === id && deletionTimestamp !== undefined && (finalizers === undefined || finalizers.includes(finalizer))
  );
}

function aClaim(name: string): PersistentVolumeClaim {
  const metadata = { namespace: 'shop', name, finalizers: [claimFinalizer] };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: {} };
}

function aVolume(name: string, phase: string): PersistentVolume {
  const metadata = { name, finalizers: [volumeFinalizer] };
  return { apiVersion: 'v1', kind: 'PersistentVolume', metadata, spec: {}, status: { phase } };
}
