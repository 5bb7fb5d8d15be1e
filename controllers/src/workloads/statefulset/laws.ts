import type { PersistentVolumeClaim, Pod, StatefulSet } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { isControlledBy } from '../../runtime/owner.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer } from '../../testing/laws/memory-server.ts';
import { isPodActive, isPodFinished, isPodReady } from '../pod-readiness.ts';
import { ordinalOf } from './identity.ts';
import { ordinalsOf, placesOf, rollingBounds } from './ordinals.ts';

const { statefulSets, pods, controllerRevisions, persistentVolumeClaims } = kinds;
const data = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } } as PersistentVolumeClaim;

/** An ordered set with claims, and a parallel one. */
export const statefulSetLaws: ControllerLaws = {
  controller: 'statefulset',
  primary: statefulSets,
  children: [pods, controllerRevisions],
  start(server) {
    server.put(statefulSets, setOf('db', { volumeClaimTemplates: [data] }));
    server.put(statefulSets, setOf('cache', { podManagementPolicy: 'Parallel' }));
  },
  moves: {
    'it is scaled': changed((spec, dice) => ({ ...spec, replicas: dice % 6 })),
    'another template': changed((spec, dice) => ({
      ...spec,
      template: templateOf(spec.selector.matchLabels?.app ?? '', `image:${dice % 3}`),
    })),
    'other bounds': changed((spec, dice) => ({
      ...spec,
      updateStrategy: {
        type: 'RollingUpdate',
        rollingUpdate: { partition: dice % 4, maxUnavailable: 1 + (dice % 2) },
      },
    })),
    'ordinals that start elsewhere': changed((spec, dice) => ({ ...spec, ordinals: { start: dice % 3 } })),
    'claims that are not kept': changed((spec, dice) => ({
      ...spec,
      persistentVolumeClaimRetentionPolicy: {
        whenScaled: dice % 2 === 0 ? 'Delete' : 'Retain',
        whenDeleted: dice % 3 === 0 ? 'Delete' : 'Retain',
      },
    })),
  },
  // Claims outlive pod and set; who owns them is a matter of the retention policy.
  mayWrite: ({ kindId, verb }) => kindId === 'persistentvolumeclaims' && verb !== 'delete',
  never({ verb, kindId, before, after }, server) {
    if (kindId !== 'pods') return undefined;
    const pod = (after ?? before) as Pod;
    const set = server.list(statefulSets).find((owner) => isControlledBy(pod, owner));
    if (!set) return undefined;
    if (verb === 'create') return madeInVain(set, pod, server);
    return verb === 'delete' && isPodActive(before as Pod) ? takenTooEarly(set, before as Pod, server) : undefined;
  },
  atRest(server) {
    for (const set of server.list(statefulSets)) {
      if (set.metadata.deletionTimestamp) continue;
      if (set.status?.observedGeneration !== set.metadata.generation) return `${keyOf(set)} was not looked at`;
      const { slots } = placesOf(set, podsOf(set, server));
      // An ordered set waits for the first that does not serve.
      const waitsAt = slots.findIndex(({ pod }) => !pod || !serves(pod));
      const due = set.spec.podManagementPolicy === 'Parallel' || waitsAt < 0 ? slots : slots.slice(0, waitsAt + 1);
      const missing = due.find(({ pod }) => !pod || (isPodFinished(pod) && !pod.metadata.deletionTimestamp));
      if (missing && !isTaken(set, missing.ordinal, server)) return `${keyOf(set)} lacks its pod ${missing.ordinal}`;
    }
    return undefined;
  },
};

function madeInVain(set: StatefulSet, pod: Pod, server: MemoryServer): string | undefined {
  const ordinal = ordinalOf(set, pod) ?? -1;
  if (!ordinalsOf(set).includes(ordinal)) return `a pod ${ordinal} that has no place`;
  if (set.metadata.deletionTimestamp) return 'a pod for a set that is being deleted';
  for (const { metadata } of set.spec.volumeClaimTemplates ?? []) {
    const claim = `${set.metadata.namespace}/${metadata?.name}-${pod.metadata.name}`;
    if (!server.get(persistentVolumeClaims, claim)) return `a pod without its claim ${claim}`;
  }
  return undefined;
}

/** A pod that serves and has its place goes for the sake of an update only; then enough others serve. */
function takenTooEarly(set: StatefulSet, pod: Pod, server: MemoryServer): string | undefined {
  const ordinals = ordinalsOf(set);
  const bounds = rollingBounds(set);
  if (!isPodReady(pod) || !bounds || !ordinals.includes(ordinalOf(set, pod) ?? -1)) return undefined;
  const serving = placesOf(set, podsOf(set, server)).slots.filter((slot) => slot.pod && serves(slot.pod)).length;
  const promised = ordinals.length - bounds.maxUnavailable;
  return serving < promised ? `${serving} pods serve where ${promised} are promised` : undefined;
}

function podsOf(set: StatefulSet, server: MemoryServer): Pod[] {
  return server.list(pods).filter((pod) => isControlledBy(pod, set));
}

function serves(pod: Pod): boolean {
  return isPodActive(pod) && pod.status?.phase === 'Running' && isPodReady(pod);
}

/** Somebody else's pod has the name, or a claim that goes is waited for. */
function isTaken(set: StatefulSet, ordinal: number, server: MemoryServer): boolean {
  const name = `${set.metadata.name}-${ordinal}`;
  const pod = server.get(pods, `${set.metadata.namespace}/${name}`);
  if (pod && !isControlledBy(pod, set)) return true;
  const claims = server.list(persistentVolumeClaims).filter(({ metadata }) => metadata.name === `data-${name}`);
  return claims.some(({ metadata }) => metadata.deletionTimestamp || metadata.ownerReferences?.[0]?.kind === 'Pod');
}

function setOf(name: string, more: Partial<StatefulSet['spec']>): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { namespace: 'shop', name },
    spec: {
      replicas: 3,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: templateOf(name, 'image:1'),
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      revisionHistoryLimit: 10,
      ...more,
    },
  };
}

function templateOf(app: string, image: string): StatefulSet['spec']['template'] {
  return { metadata: { labels: { app } }, spec: { containers: [{ name: 'main', image }] } };
}

function changed(change: (spec: StatefulSet['spec'], dice: number) => StatefulSet['spec']): Move {
  return (server, dice) => {
    const set = pick(server.list(statefulSets), dice);
    if (set) server.put(statefulSets, { ...set, spec: change(set.spec, Math.floor(dice / 5)) });
  };
}
