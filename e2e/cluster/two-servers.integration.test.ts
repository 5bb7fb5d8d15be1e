import type { EndpointSlice, Service } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { createSharedStore, type ServerOfStore, type SharedStore } from './shared-store.ts';

const service = (name: string, spec: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace: 'default', name },
  spec: { ports: [{ name: 'http', port: 80 }], ...spec },
});

it('API servers that begin on an empty store at once all become ready', async () => {
  const store = await createSharedStore();
  const [first] = await Promise.all([store.startServer(), store.startServer(), store.startServer()]);
  const { items } = await first.client.list(kinds.services, { signal: store.signal });
  expect(items.map(({ spec }) => spec.clusterIP)).toEqual(['10.96.0.1']);
  await store.stop();
});

describe('two API servers on one store', () => {
  let store: SharedStore;
  let servers: readonly [ServerOfStore, ServerOfStore];
  beforeAll(async () => {
    store = await createSharedStore();
    const first = await store.startServer();
    servers = [first, await store.startServer()];
  });
  afterAll(() => store.stop());

  const options = () => ({ signal: store.signal });
  const services = async () => (await servers[1].client.list(kinds.services, options())).items;

  it('give no address and no port twice', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `many-${i}`);
    await Promise.all(
      names.map((name, i) => {
        const { client } = servers[(i % 2) as 0 | 1];
        return client.create(kinds.services, service(name, { type: 'NodePort' }), options());
      }),
    );
    const made = (await services()).filter(({ metadata }) => metadata.name?.startsWith('many-'));
    expect(made).toHaveLength(names.length);
    expect(new Set(made.map(({ spec }) => spec.clusterIP)).size).toBe(names.length);
    expect(new Set(made.map(({ spec }) => spec.ports?.[0]?.nodePort)).size).toBe(names.length);
  });

  it('let one of many have an address that all ask for', async () => {
    const clusterIP = '10.96.0.77';
    const tries = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => {
        const { client } = servers[(i % 2) as 0 | 1];
        return client.create(kinds.services, service(`wants-${i}`, { clusterIP }), options());
      }),
    );
    const refusals = tries.flatMap((result) => (result.status === 'rejected' ? [String(result.reason.message)] : []));
    expect(refusals).toHaveLength(19);
    for (const text of refusals) {
      expect(text).toContain('failed to allocate IP 10.96.0.77: provided IP is already allocated');
    }
    expect((await services()).filter(({ spec }) => spec.clusterIP === clusterIP)).toHaveLength(1);
  });

  it('say of a Service that both make at once that it is there already', async () => {
    for (let round = 0; round < 10; round++) {
      const draft = () => service(`same-${round}`, { clusterIP: `10.96.0.${round + 100}`, type: 'NodePort' });
      const tries = await Promise.allSettled(
        servers.map(({ client }) => client.create(kinds.services, draft(), options())),
      );
      const reasons = tries.flatMap((result) => (result.status === 'rejected' ? [result.reason.reason] : []));
      expect(reasons).toEqual(['AlreadyExists']);
    }
  });

  it('give at once what was given back through the other', async () => {
    const [a, b] = servers;
    const port = { name: 'http', port: 80, nodePort: 30055 };
    const wanted = (name: string) => service(name, { clusterIP: '10.96.0.99', type: 'NodePort', ports: [port] });
    for (let round = 0; round < 5; round++) {
      await a.client.create(kinds.services, wanted('first'), options());
      await a.client.delete(kinds.services, { namespace: 'default', name: 'first' }, options());
      await b.client.create(kinds.services, wanted('second'), options());
      const patch = { spec: { type: 'ClusterIP', ports: [{ name: 'http', port: 80, nodePort: null }] } };
      await b.client.patch(kinds.services, { namespace: 'default', name: 'second' }, patch, { ...options() });
      const other = service('third', { type: 'NodePort', ports: [port] });
      await a.client.create(kinds.services, other, options());
      await a.client.delete(kinds.services, { namespace: 'default', name: 'third' }, options());
      await b.client.delete(kinds.services, { namespace: 'default', name: 'second' }, options());
    }
  });

  it('read through the one what was written through the other', async () => {
    const [a, b] = servers;
    for (let round = 0; round < 50; round++) {
      const [writer, reader] = round % 2 === 0 ? [a, b] : [b, a];
      const name = `seen-${round}`;
      await writer.client.create(kinds.configMaps, { ...configMap(name), data: { round: `${round}` } }, options());
      const found = await reader.client.get(kinds.configMaps, { namespace: 'default', name }, options());
      expect(found.data).toEqual({ round: `${round}` });
      const list = await reader.client.list(kinds.configMaps, { namespace: 'default', ...options() });
      expect(list.items.map(({ metadata }) => metadata.name)).toContain(name);
    }
  });

  it('are both endpoints of default/kubernetes, until one ends', async () => {
    const third = await store.startServer();
    const ports = async () => {
      const { items } = await servers[0].client.list(kinds.endpointSlices, { namespace: 'default', ...options() });
      const ours = (items as EndpointSlice[]).filter(({ metadata }) => metadata.name?.startsWith('kubernetes'));
      return ours.flatMap((slice) => slice.ports?.map(({ port }) => port) ?? []).toSorted();
    };
    const portsOf = (all: readonly ServerOfStore[]) => all.map(({ server }) => server.address.port).toSorted();
    expect(await ports()).toEqual(portsOf([...servers, third]));
    await third.stop();
    expect(await ports()).toEqual(portsOf(servers));
  });

  it('take no third one with keys of its own', async () => {
    await expect(store.startServer({ ownKeys: true })).rejects.toThrow(
      /serves the same store with other keys; copy pki/,
    );
  });
});

const configMap = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'default', name },
});
