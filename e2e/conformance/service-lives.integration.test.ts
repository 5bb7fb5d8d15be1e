/** What clients do with services and what stands behind them in the course of their lives. */
import type { ApiObject, Tree } from './api-client.ts';
import { service } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const services = () => `${target.core}/services`;
const labelled = (path: string) => `${path}?labelSelector=${encodeURIComponent(`suite=${target.namespace}`)}`;
const labels = () => ({ labels: { suite: target.namespace } });
const made = (name: string, spec: object = {}) => target.admin.made(services(), service(name, spec, labels()));
const namesOf = ({ items }: ApiObject) =>
  (items as unknown as ApiObject[]).map(({ metadata }) => metadata.name).toSorted();

describe('services', () => {
  it('have a status that is read, patched, updated and watched, apart from the rest', async () => {
    await made('status');
    const path = `${services()}/status`;
    const { metadata } = await target.admin.read(path);
    const watch = await target.admin.watch(`${labelled(services())}&resourceVersion=${metadata.resourceVersion}`);
    const ingress = [{ ip: '203.0.113.1', ipMode: 'VIP' }];
    const patched = await target.admin.merge(`${path}/status`, {
      metadata: { annotations: { patched: 'yes' } },
      spec: { sessionAffinity: 'ClientIP' },
      status: { loadBalancer: { ingress } },
    });
    expect([patched.code, patched.body.spec.sessionAffinity]).toEqual([200, 'None']);
    expect((patched.body.status as Tree).loadBalancer).toEqual({ ingress });
    const condition = {
      type: 'StatusUpdate',
      status: 'True',
      reason: 'E2E',
      message: 'm',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const current = (await target.admin.get(`${path}/status`)).body;
    const put = await target.admin.put(`${path}/status`, {
      ...current,
      status: { ...(current.status as Tree), conditions: [condition] },
    });
    expect([put.code, (put.body.status as Tree).conditions]).toEqual([200, [condition]]);
    const spec = await target.admin.merge(path, {
      metadata: { labels: { more: 'x' } },
      status: { loadBalancer: null },
    });
    expect((spec.body.status as Tree).conditions).toEqual([condition]);
    const seen = [await watch.next(), await watch.next(), await watch.next()];
    watch.close();
    expect(seen.map(({ type }) => type)).toEqual(['MODIFIED', 'MODIFIED', 'MODIFIED']);
    await target.admin.delete(path);
  });

  it('are found in all namespaces, and go together by their label', async () => {
    for (const name of ['a', 'b', 'c']) await made(name);
    expect(namesOf(await target.admin.read(labelled('/api/v1/services')))).toEqual(['a', 'b', 'c']);
    expect(namesOf(await target.admin.read('/api/v1/services'))).toEqual(expect.arrayContaining(['kubernetes', 'a']));
    await target.admin.made(services(), service('stays'));
    expect((await target.admin.delete(labelled(services()))).code).toBe(200);
    expect(namesOf(await target.admin.read(services()))).toEqual(['stays']);
  });

  it('change their type, and give back what the other one had', async () => {
    const first = await made('type', { type: 'NodePort' });
    const [port] = first.spec.ports as unknown as { nodePort: number }[];
    const path = `${services()}/type`;
    const external = await target.admin.merge(path, {
      spec: { type: 'ExternalName', externalName: 'www.example.com', clusterIP: null, clusterIPs: null, ports: null },
    });
    expect([external.code, external.body.spec.clusterIP, external.body.spec.ports]).toEqual([
      200,
      undefined,
      undefined,
    ]);
    const other = await target.admin.post(
      services(),
      service('other', { type: 'NodePort', ports: [{ port: 80, nodePort: port?.nodePort }] }),
    );
    expect(other.code).toBe(201);
    const back = await target.admin.merge(path, {
      spec: { type: 'ClusterIP', externalName: null, ports: [{ port: 80 }] },
    });
    expect([back.code, back.body.spec.clusterIP]).toEqual([200, expect.stringMatching(/^\d/)]);
    const sticky = await target.admin.merge(path, { spec: { sessionAffinity: 'ClientIP' } });
    expect((sticky.body.spec.sessionAffinityConfig as Tree).clientIP).toEqual({ timeoutSeconds: 10_800 });
    const free = await target.admin.merge(path, { spec: { sessionAffinity: 'None', sessionAffinityConfig: null } });
    expect(free.body.spec.sessionAffinityConfig).toBeUndefined();
  });
});

/** Objects that are listed, watched, patched, written anew and deleted, one and many. */
describe.each<[string, string, (name: string) => object, object, (object: ApiObject) => unknown, unknown]>([
  [
    'EndpointSlice',
    'discovery.k8s.io/v1/endpointslices',
    () => ({ addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.1'] }], ports: [{ port: 80 }] }),
    { endpoints: [{ addresses: ['192.0.2.2'] }] },
    (object) => (object as unknown as { endpoints: { addresses: string[] }[] }).endpoints[0]?.addresses,
    ['192.0.2.2'],
  ],
  [
    'Endpoints',
    'v1/endpoints',
    () => ({ subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }] }),
    { subsets: [{ addresses: [{ ip: '192.0.2.2' }], ports: [{ port: 80 }] }] },
    (object) => (object as unknown as { subsets: { addresses: { ip: string }[] }[] }).subsets[0]?.addresses[0]?.ip,
    '192.0.2.2',
  ],
  [
    'Ingress',
    'networking.k8s.io/v1/ingresses',
    (name) => ({ spec: { defaultBackend: { service: { name, port: { number: 80 } } } } }),
    { spec: { ingressClassName: 'other' } },
    ({ spec }) => spec.ingressClassName,
    'other',
  ],
])('%s', (kind, resource, content, change, read, expected) => {
  const group = resource.startsWith('v1/') ? '/api' : '/apis';
  const path = () => {
    const [plural = '', ...version] = resource.split('/').toReversed();
    return `${group}/${version.toReversed().join('/')}/namespaces/${target.namespace}/${plural}`;
  };

  it('is made, found everywhere, watched, patched, written anew, and deleted alone and together', async () => {
    const name = kind.toLowerCase();
    const body = (suffix: string) => ({ metadata: { name: `${name}-${suffix}`, ...labels() }, ...content(name) });
    const { metadata } = await target.admin.read(path());
    const watch = await target.admin.watch(`${labelled(path())}&resourceVersion=${metadata.resourceVersion}`);
    for (const suffix of ['a', 'b', 'c']) await target.admin.made(path(), body(suffix));
    const everywhere = path().replace(/\/namespaces\/[^/]+/, '');
    for (const list of [path(), everywhere]) expect(namesOf(await target.admin.read(labelled(list)))).toHaveLength(3);
    const one = `${path()}/${name}-a`;
    expect(read((await target.admin.merge(one, change)).body)).toEqual(expected);
    const current = await target.admin.read(one);
    const put = await target.admin.put(one, {
      ...current,
      metadata: { ...current.metadata, annotations: { put: 'yes' } },
    });
    expect([put.code, put.body.metadata.uid]).toEqual([200, current.metadata.uid]);
    await target.admin.delete(one);
    expect((await target.admin.get(one)).code).toBe(404);
    await target.admin.delete(labelled(path()));
    expect(namesOf(await target.admin.read(labelled(path())))).toEqual([]);
    const types: string[] = [];
    while (types.filter((type) => type === 'DELETED').length < 3) types.push((await watch.next()).type);
    watch.close();
    expect(types.filter((type) => type === 'ADDED')).toHaveLength(3);
    expect(types.filter((type) => type === 'MODIFIED')).toHaveLength(2);
  });
});
