import type { ConfigMap, KubeObject } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

/** What makes a control plane in one process cheap: an object is in memory once, however many look at it. */
describe('an object in a process with server and controllers', () => {
  let plane: ControlPlane;

  beforeAll(async () => {
    plane = await startControlPlane();
  });
  afterAll(() => plane.stop());

  const { signal } = new AbortController();
  const named = (name: string): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', labels: { app: 'shared' } },
    data: { key: 'value' },
  });
  const isFrozen = (value: unknown): boolean =>
    typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen));

  it('is the same to its writer, to readers, to watches and to the caches of controllers', async () => {
    const watching = new AbortController();
    const { metadata } = await plane.client.list(kinds.configMaps, { signal, namespace: 'default' });
    const resourceVersion = metadata.resourceVersion ?? '';
    const watches = [0, 1].map(async () => {
      const options = { signal: watching.signal, namespace: 'default', resourceVersion };
      for await (const events of plane.client.watch(kinds.configMaps, options)) {
        const found = events.find(({ object }) => object.metadata.name === 'one');
        if (found) return found.object;
      }
      return undefined;
    });
    const written = await plane.client.create(kinds.configMaps, named('one'), { signal });
    const ref = { namespace: 'default', name: 'one' };
    const cached = await plane.until(kinds.configMaps, ref, (object) => object !== undefined);
    const list = await plane.client.list(kinds.configMaps, {
      signal,
      namespace: 'default',
      labelSelector: 'app=shared',
    });
    const seen: (KubeObject | undefined)[] = [
      await plane.client.get(kinds.configMaps, ref, { signal }),
      list.items[0],
      cached,
      ...(await Promise.all(watches)),
    ];
    watching.abort();
    for (const object of seen) expect(object).toBe(written);
    expect(isFrozen(written)).toBe(true);
  });

  it('stays as it was when a reader tries to change it, and the caller keeps what it gave', async () => {
    const given = named('two');
    const written = await plane.client.create(kinds.configMaps, given, { signal });
    expect(() => Object.assign(written.metadata, { name: 'other' })).toThrow(TypeError);
    Object.assign(given.data ?? {}, { key: 'changed later' });
    const read = await plane.client.get(kinds.configMaps, { namespace: 'default', name: 'two' }, { signal });
    expect(read.data).toEqual({ key: 'value' });
  });
});
