import type { ConfigMap } from '@slipway/api/types';
import { type Change, ObjectCache } from './cache.ts';

function configMap(name: string, version: number, metadata: ConfigMap['metadata'] = {}): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion: String(version), ...metadata },
  };
}

const names = (objects: readonly ConfigMap[]) => objects.map(({ metadata }) => metadata.name);

function listening(cache: ObjectCache<ConfigMap>) {
  const heard: string[] = [];
  cache.subscribe((changes: readonly Change<ConfigMap>[]) => {
    for (const { key, before, after } of changes)
      heard.push(`${key} ${before ? (after ? 'changed' : 'gone') : 'came'}`);
  });
  return heard;
}

describe('ObjectCache', () => {
  it('finds by key, namespace, owner and index, and forgets what is gone', () => {
    const cache = new ObjectCache<ConfigMap>({ team: ({ metadata }) => [metadata.labels?.team ?? 'none'] });
    const owned = configMap('a', 1, {
      labels: { team: 'red' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }],
    });
    cache.replace([owned, configMap('b', 2, { namespace: 'other' })], 2n);
    expect(cache.get('shop/a')).toBe(owned);
    expect(names(cache.inNamespace('other'))).toEqual(['b']);
    expect(names(cache.ownedBy('u'))).toEqual(['a']);
    expect(names(cache.byIndex('team', 'red'))).toEqual(['a']);
    cache.apply([{ object: configMap('a', 3, { labels: { team: 'blue' } }), gone: false }], 3n);
    expect(names(cache.byIndex('team', 'red'))).toEqual([]);
    expect(names(cache.byIndex('team', 'blue'))).toEqual(['a']);
    expect(cache.ownedBy('u')).toEqual([]);
    cache.apply([{ object: configMap('a', 4), gone: true }], 4n);
    expect(names(cache.list())).toEqual(['b']);
    expect(cache.resourceVersion).toBe(4n);
  });

  it('tells a relist as the difference', () => {
    const cache = new ObjectCache<ConfigMap>();
    cache.replace([configMap('same', 1), configMap('changed', 2), configMap('gone', 3)], 3n);
    const heard = listening(cache);
    cache.replace([configMap('same', 1), configMap('changed', 5), configMap('new', 6)], 7n);
    expect(heard.toSorted()).toEqual(['shop/changed changed', 'shop/gone gone', 'shop/new came']);
  });

  it('takes an object of the same name and another uid for another object', () => {
    const cache = new ObjectCache<ConfigMap>();
    cache.replace([configMap('a', 1)], 1n);
    const heard = listening(cache);
    cache.replace([configMap('a', 1, { uid: 'other' })], 2n);
    expect(heard).toEqual(['shop/a changed']);
  });

  it('shows listeners a state in which all changes have happened', () => {
    const cache = new ObjectCache<ConfigMap>();
    const seen: number[] = [];
    cache.subscribe(() => seen.push(cache.size));
    cache.apply(
      [configMap('a', 1), configMap('b', 2)].map((object) => ({ object, gone: false })),
      2n,
    );
    expect(seen).toEqual([2]);
  });

  it('fires once when a version is reached, also by a bookmark', () => {
    const cache = new ObjectCache<ConfigMap>();
    let fired = 0;
    cache.when(
      () => cache.resourceVersion >= 5n,
      () => fired++,
    );
    cache.apply([{ object: configMap('a', 4), gone: false }], 4n);
    expect(fired).toBe(0);
    cache.apply([], 5n);
    cache.apply([], 6n);
    expect(fired).toBe(1);
  });
});
