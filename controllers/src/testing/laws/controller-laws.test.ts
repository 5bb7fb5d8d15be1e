import type { ConfigMap } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { type ControllerDefinition, triggerOn } from '../../runtime/controller-definition.ts';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import { brokenLaw, type ControllerLaws } from './controller-laws.ts';

const maps = kinds.configMaps;

/** A controller of config maps that does what `decide` says with each of them. */
function deciding(decide: (map: ConfigMap, copy: ConfigMap | undefined, nowMs: number) => Omit<Plan, 'status'>) {
  return (): ControllerDefinition =>
    definitionFrom({
      name: 'copier',
      component: 'copier',
      account: 'copier',
      primary: maps,
      triggers: [triggerOn(kinds.secrets, ({ metadata }) => [`shop/${metadata.name}`])],
      observe: (key, caches) => {
        const map = caches.get(maps, key);
        const copy = caches.get(kinds.secrets, key) as ConfigMap | undefined;
        return map && { map, copy };
      },
      plan: ({ map, copy }, nowMs) => ({ status: 'unchanged', ...decide(map, copy, nowMs) }),
    });
}

const laws: ControllerLaws = {
  controller: 'copier',
  primary: maps,
  children: [kinds.secrets],
  start(server) {
    server.put(maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'shop', name: 'a' } });
  },
  moves: {
    'a map comes': (server) =>
      void server.put(maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'shop', name: 'b' } }),
  },
};

const copyOf = (map: ConfigMap): Step => ({
  op: 'create',
  kind: kinds.secrets,
  object: {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: 'shop', name: map.metadata.name ?? '', ownerReferences: [controllerReferenceTo(map)] },
  },
});
const once = deciding((map, copy) => ({ steps: copy ? [] : [copyOf(map)] }));
const comes = [{ move: 7, dice: 0, waitMs: 100 }];

describe('brokenLaw', () => {
  it('has nothing against a controller that keeps them', async () => {
    expect(await brokenLaw(laws, comes, once)).toBeUndefined();
  });

  it('names a write that is made again and again', async () => {
    const touch = deciding((map, _, nowMs) => ({
      steps: [{ op: 'patch', kind: maps, target: map, patch: { data: { at: String(nowMs) } } }],
    }));
    const all = { ...laws, mayWrite: () => true };
    expect(await brokenLaw(all, comes, touch)).toMatch(/does not come to rest|anew at rest it writes/);
  });

  it('names what a controller does only when it is started', async () => {
    const lives = { count: 0 };
    const forgetful = () => {
      const first = ++lives.count === 1;
      return deciding((map, copy) => ({ steps: copy || first ? [] : [copyOf(map)] }))();
    };
    expect(await brokenLaw(laws, [], forgetful)).toBe('started anew at rest it writes 1 times');
  });

  it('names events that are told at every look', async () => {
    const chatty = deciding((map) => ({
      steps: [{ op: 'event', about: map, type: 'Normal', reason: 'Seen', message: 'seen' }],
    }));
    expect(await brokenLaw(laws, [], chatty)).toBe('started anew at rest it tells 1 events');
  });

  it('names what a controller takes from somebody else', async () => {
    const thief = deciding((_, copy) => ({
      steps:
        copy && !copy.metadata.labels
          ? [{ op: 'patch', kind: kinds.secrets, target: copy, patch: { metadata: { labels: { mine: 'yes' } } } }]
          : [],
    }));
    const world: ControllerLaws = {
      ...laws,
      start(server) {
        laws.start(server);
        server.put(kinds.secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'shop', name: 'a' } });
      },
    };
    expect(await brokenLaw(world, [], thief)).toMatch(/^it touched what is not its own: patch secrets shop\/a/);
  });

  it('names what a row forbids, and what it misses at rest', async () => {
    expect(await brokenLaw({ ...laws, never: () => 'no copies' }, [], once)).toMatch(
      /^no copies: create secrets shop\/a/,
    );
    expect(await brokenLaw({ ...laws, atRest: () => 'too quiet' }, [], once)).toBe('too quiet');
  });
});
