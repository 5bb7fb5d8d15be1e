import type { KubeObject, OwnerReference } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer, Write } from '../../testing/laws/memory-server.ts';

const maps = kinds.configMaps;

export const garbageCollectorLaws: ControllerLaws = {
  controller: 'garbage-collector',
  start(server) {
    const root = aMap(server, 'root');
    for (const name of ['a', 'b']) aMap(server, name, [root]);
    aMap(server, 'free');
  },
  moves: {
    'an owned object comes': (server, dice) => {
      const owners = [pick(server.list(maps), dice), pick(server.list(maps), Math.floor(dice / 3))];
      const name = `m${dice % 7}`;
      if (!server.get(maps, `shop/${name}`))
        aMap(server, name, [...new Set(owners.filter((owner) => owner !== undefined))]);
    },
    'an object gets one more owner, perhaps itself or in a circle': (server, dice) => {
      const [object, owner] = [pick(server.list(maps), dice), pick(server.list(maps), Math.floor(dice / 3))];
      if (!object || !owner) return;
      const ownerReferences = [...(object.metadata.ownerReferences ?? []), referenceTo(owner)];
      server.put(maps, { ...object, metadata: { ...object.metadata, ownerReferences } });
    },
    'one is deleted': (server, dice) => deleteOne(server, dice),
    'one is deleted in the foreground': (server, dice) => deleteOne(server, dice, 'Foreground'),
    'one is deleted and leaves orphans': (server, dice) => deleteOne(server, dice, 'Orphan'),
  },
  mayWrite: (write, server) => isCollected(write, server),
  atRest(server) {
    const uids = new Set(server.list(maps).map(({ metadata }) => metadata.uid));
    for (const object of server.list(maps)) {
      const { ownerReferences = [], deletionTimestamp } = object.metadata;
      if (deletionTimestamp) return `${keyOf(object)} is deleted and stays`;
      const lost = ownerReferences.filter(({ uid }) => !uids.has(uid));
      if (lost.length > 0) return `${keyOf(object)} still names ${lost.length} owners that are gone`;
    }
    return undefined;
  },
};

/** Owner references are dropped or loosened, finalizers of deletion are taken off, and what lost all its owners goes. */
function isCollected({ verb, before, after }: Write, server: MemoryServer): boolean {
  if (verb === 'create' || !before) return false;
  const { ownerReferences = [], finalizers = [] } = before.metadata;
  if (verb !== 'delete') return ownerReferences.length > 0 || finalizers.length > 0;
  const owners = server.list(maps).filter(({ metadata }) => ownerReferences.some(({ uid }) => uid === metadata.uid));
  const isStaying = owners.some(({ metadata }) => !metadata.finalizers?.includes('foregroundDeletion'));
  return before.metadata.deletionTimestamp !== undefined || (ownerReferences.length > 0 && (!isStaying || !after));
}

function aMap(server: MemoryServer, name: string, owners: readonly KubeObject[] = []): KubeObject {
  const ownerReferences = owners.map(referenceTo);
  const metadata = { namespace: 'shop', name, ...(owners.length > 0 ? { ownerReferences } : {}) };
  return server.put(maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
}

function referenceTo({ metadata }: KubeObject): OwnerReference {
  const { name = '', uid = '' } = metadata;
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid, blockOwnerDeletion: true };
}

function deleteOne(server: MemoryServer, dice: number, propagationPolicy?: string): void {
  const object = pick(server.list(maps), dice);
  if (object) server.delete(maps, keyOf(object), propagationPolicy ? { propagationPolicy } : {});
}
