/** Addresses and ports of services; namespaces and what is in them from the beginning. */
import { configMap, service } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const services = () => `${target.core}/services`;
const made = (name: string, spec: object = {}) => target.admin.made(services(), service(name, spec));
const portsOf = (object: { spec: { readonly [name: string]: unknown } }) =>
  object.spec.ports as { nodePort?: number }[];

describe('an address', () => {
  it('is given to every service, and to each another', async () => {
    const created = await Promise.all(Array.from({ length: 50 }, (_, index) => made(`many-${index}`)));
    const addresses = created.map(({ spec }) => spec.clusterIP);
    expect(new Set(addresses).size).toBe(50);
    for (const address of addresses) expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$|:/);
  });

  it('may be chosen, once', async () => {
    const { spec } = await made('first');
    const { clusterIP } = spec;
    const taken = await target.admin.post(services(), service('second', { clusterIP }));
    expect(taken.code).toBe(422);
    expect(taken.body.message).toBe(
      `Service "second" is invalid: spec.clusterIPs: Invalid value: ["${clusterIP}"]: failed to allocate IP ${clusterIP}: provided IP is already allocated`,
    );
    await target.admin.delete(`${services()}/first`);
    expect((await made('second', { clusterIP })).spec.clusterIP).toBe(clusterIP);
    const outside = await target.admin.post(services(), service('outside', { clusterIP: '192.0.2.1' }));
    expect(outside.code).toBe(422);
    expect(outside.body.message).toContain(
      'spec.clusterIPs: Invalid value: ["192.0.2.1"]: failed to allocate IP 192.0.2.1: ',
    );
    const bad = await target.admin.post(services(), service('bad', { clusterIP: 'x' }));
    expect(bad.code).toBe(422);
    expect(bad.body.message).toContain('spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address');
  });

  it('is not wasted by what fails or is only tried', async () => {
    const { spec } = await made('reserve');
    await target.admin.delete(`${services()}/reserve`);
    const { clusterIP } = spec;
    expect((await target.admin.post(`${services()}?dryRun=All`, service('tried', { clusterIP }))).code).toBe(201);
    const bad = service('bad', { clusterIP, ports: [{ port: 0 }] });
    expect((await target.admin.post(services(), bad)).code).toBe(422);
    expect((await made('real', { clusterIP })).spec.clusterIP).toBe(clusterIP);
  });

  it('stays', async () => {
    const { spec } = await made('stays');
    const replaced = await target.admin.put(`${services()}/stays`, service('stays'));
    expect(replaced.body.spec.clusterIP).toBe(spec.clusterIP);
    const changed = await target.admin.merge(`${services()}/stays`, {
      spec: { clusterIP: '10.96.200.200', clusterIPs: ['10.96.200.200'] },
    });
    expect(changed.code).toBe(422);
    expect(changed.body.message).toMatch(
      /spec\.clusterIPs?(\[0\])?: Invalid value: .+: (field is immutable|may not change once set)/,
    );
  });

  it('is not for headless and external ones', async () => {
    expect((await made('headless', { clusterIP: 'None' })).spec).toMatchObject({
      clusterIP: 'None',
      clusterIPs: ['None'],
    });
    const external = await made('external', { type: 'ExternalName', externalName: 'example.com', ports: undefined });
    expect(external.spec.clusterIP).toBeUndefined();
    const typed = await target.admin.merge(`${services()}/external`, {
      spec: { type: 'ClusterIP', externalName: null, ports: [{ port: 80 }] },
    });
    expect(typed.body.spec.clusterIP).toMatch(/\d/);
  });
});

describe('a port of the nodes', () => {
  it('is given, chosen, freed', async () => {
    const { nodePort } = portsOf(await made('given', { type: 'NodePort' }))[0] ?? {};
    expect(nodePort).toBeGreaterThanOrEqual(30000);
    expect(nodePort).toBeLessThanOrEqual(32767);
    const chosen = { type: 'NodePort', ports: [{ port: 80, nodePort }] };
    const taken = await target.admin.post(services(), service('taken', chosen));
    expect(taken.code).toBe(422);
    expect(taken.body.message).toBe(
      `Service "taken" is invalid: spec.ports[0].nodePort: Invalid value: ${nodePort}: provided port is already allocated`,
    );
    const back = await target.admin.merge(`${services()}/given`, {
      spec: { type: 'ClusterIP', ports: [{ port: 80, nodePort: null }] },
    });
    expect(portsOf(back.body)[0]?.nodePort).toBeUndefined();
    expect(portsOf(await made('taken', chosen))[0]?.nodePort).toBe(nodePort);
  });

  it('lies in the range', async () => {
    const spec = { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] };
    const reply = await target.admin.post(services(), service('low', spec));
    expect(reply.code).toBe(422);
    expect(reply.body.message).toMatch(
      /spec\.ports\[0\]\.nodePort: Invalid value: 80: provided port is not in the valid range\. The range of valid ports is \d+-\d+/,
    );
  });

  it('serves two protocols at one number', async () => {
    const ports = [
      { name: 'tcp', port: 53, protocol: 'TCP', nodePort: 30531 },
      { name: 'udp', port: 53, protocol: 'UDP', nodePort: 30531 },
    ];
    const created = await made('dns', { type: 'NodePort', ports });
    expect(portsOf(created).map(({ nodePort }) => nodePort)).toEqual([30531, 30531]);
  });
});

describe('from the beginning', () => {
  it('there are namespaces', async () => {
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
      expect(await target.admin.read(`/api/v1/namespaces/${name}`)).toMatchObject({
        metadata: { labels: { 'kubernetes.io/metadata.name': name } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      });
    }
  });

  it('there is a service that is the API server', async () => {
    const own = await target.admin.read('/api/v1/namespaces/default/services/kubernetes');
    expect(own.spec).toMatchObject({ ports: [{ name: 'https', port: 443, protocol: 'TCP' }], type: 'ClusterIP' });
    const slice = await target.admin.read('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes');
    expect(slice).toMatchObject({
      metadata: { labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: expect.stringMatching(/^IPv[46]$/),
      ports: [{ name: 'https', protocol: 'TCP' }],
    });
  });

  it('there are roles', async () => {
    for (const name of ['cluster-admin', 'admin', 'edit', 'view', 'system:discovery', 'system:basic-user']) {
      expect([name, (await target.admin.get(`/apis/rbac.authorization.k8s.io/v1/clusterroles/${name}`)).code]).toEqual([
        name,
        200,
      ]);
    }
  });
});

describe('a namespace', () => {
  it('that is absent holds nothing', async () => {
    const path = '/api/v1/namespaces/conformance-absent/configmaps';
    const reply = await target.admin.post(path, configMap('a'));
    expect(reply.code).toBe(404);
    expect(reply.body.message).toBe('namespaces "conformance-absent" not found');
    expect((await target.admin.read(path)).items).toEqual([]);
  });

  it('that ends takes nothing new, and lets go of what is there', async () => {
    const namespace = await target.newNamespace();
    const collection = `/api/v1/namespaces/${namespace}/configmaps`;
    await target.admin.made(collection, configMap('held', {}, { finalizers: ['example.com/hold'] }));
    const deleted = await target.admin.delete(`/api/v1/namespaces/${namespace}`);
    expect(deleted.code).toBe(200);
    expect(deleted.body).toMatchObject({ kind: 'Namespace', status: { phase: 'Terminating' } });
    expect(deleted.body.metadata.deletionTimestamp).toBeDefined();
    const reply = await target.admin.post(collection, configMap('late'));
    expect(reply.code).toBe(403);
    expect(reply.body).toMatchObject({
      message: `configmaps "late" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
      details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    });
    expect((await target.admin.merge(`${collection}/held`, { data: { k: 'v' } })).code).toBe(200);
    await target.admin.merge(`${collection}/held`, { metadata: { finalizers: null } });
  });

  it('goes when it is finalized', async () => {
    const { metadata } = await target.admin.made('/api/v1/namespaces', {
      metadata: { generateName: 'conformance-final-' },
    });
    const at = `/api/v1/namespaces/${metadata.name}`;
    expect(metadata.labels).toEqual({ 'kubernetes.io/metadata.name': metadata.name });
    const { body } = await target.admin.delete(at);
    const finalized = await target.admin.put(`${at}/finalize`, { ...body, spec: { finalizers: [] } });
    // Where a controller does the same, it may have been first.
    expect([200, 404, 409]).toContain(finalized.code);
    if (finalized.code === 200) expect((await target.admin.get(at)).code).toBe(404);
  });

  it.each(['default', 'kube-system', 'kube-public'])('%s stays', async (name) => {
    const reply = await target.admin.delete(`/api/v1/namespaces/${name}`);
    expect(reply.code).toBe(403);
    expect(reply.body.message).toBe(`namespaces "${name}" is forbidden: this namespace may not be deleted`);
  });
});
