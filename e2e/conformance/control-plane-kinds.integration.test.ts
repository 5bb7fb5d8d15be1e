/** Kinds by which clients learn of the server itself: which versions it serves, and how the parts beside it do. */
import type { ApiObject, Metadata } from './api-client.ts';
import { definitionsPath, establish, until as untilTrue } from './crd-kinds.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';
const available = (status: string) =>
  expect.objectContaining({
    conditions: [expect.objectContaining({ type: 'Available', status, message: expect.any(String) })],
  });

describe('APIServices', () => {
  it('are there for every version that is served, and available', async () => {
    const { groups } = (await target.admin.get('/apis')).body as unknown as {
      groups: { versions: { groupVersion: string }[] }[];
    };
    const served = groups.flatMap(({ versions }) =>
      versions.map(({ groupVersion }) => groupVersion.split('/').reverse().join('.')),
    );
    const { items } = await target.admin.read(apiServices);
    const names = items.map(({ metadata }) => metadata.name);
    expect(names).toEqual(expect.arrayContaining(['v1.', 'v1.apps', 'v2.autoscaling', ...served]));
    const apps = items.find(({ metadata }) => metadata.name === 'v1.apps');
    expect(apps).toMatchObject({ spec: { group: 'apps', version: 'v1' }, status: available('True') });
    expect(apps?.spec.service).toBeUndefined();
  });

  it('come back when they are deleted, and follow custom kinds', async () => {
    const before = await target.admin.read(`${apiServices}/v1.apps`);
    await target.admin.delete(`${apiServices}/v1.apps`);
    await until(
      `${apiServices}/v1.apps`,
      (found) => found?.metadata.uid !== before.metadata.uid && found !== undefined,
    );
    const kind = await establish(target.admin);
    await until(`${apiServices}/v1.${kind.group}`, (found) => found?.metadata.name === `v1.${kind.group}`);
    await target.admin.delete(`${definitionsPath}/${kind.name}`);
    await until(`${apiServices}/v1.${kind.group}`, (found) => found === undefined);
  });

  it.each([
    [
      { metadata: { name: 'x' } },
      'metadata.name: Invalid value: "x": must be `spec.version+"."+spec.group`: "v1.g.example.com"',
    ],
    [{ spec: { versionPriority: 0 } }, 'spec.versionPriority: Invalid value: 0: must be positive and less than 1000'],
    [
      { spec: { groupPriorityMinimum: 20_001 } },
      'spec.groupPriorityMinimum: Invalid value: 20001: must be positive and less than 20000',
    ],
    [{ spec: { service: { name: 's' } } }, 'spec.service.namespace: Required value'],
    [
      { spec: { insecureSkipTLSVerify: true } },
      'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
    ],
  ])('are refused: %j', async (change: { metadata?: object; spec?: object }, text) => {
    const spec = { group: 'g.example.com', version: 'v1', groupPriorityMinimum: 100, versionPriority: 100 };
    const reply = await target.admin.post(`${apiServices}?dryRun=All`, {
      metadata: { name: 'v1.g.example.com', ...change.metadata },
      spec: { ...spec, ...change.spec },
    });
    expect([reply.code, reply.body.message]).toEqual([422, expect.stringContaining(text)]);
  });

  it('that lead elsewhere are stored with their state', async () => {
    const name = `v1.${target.namespace}.example.com`;
    const reply = await target.admin.post(apiServices, {
      metadata: { name },
      spec: {
        group: `${target.namespace}.example.com`,
        version: 'v1',
        service: { name: 'nobody', namespace: target.namespace },
        insecureSkipTLSVerify: true,
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    });
    expect([reply.code, reply.body.spec.service]).toEqual([
      201,
      { name: 'nobody', namespace: target.namespace, port: 443 },
    ]);
    await until(`${apiServices}/${name}`, (found) => available('False').asymmetricMatch(found?.status));
    await target.admin.delete(`${apiServices}/${name}`);
  });
});

function until(path: string, holds: (found: ApiObject | undefined) => boolean): Promise<void> {
  return untilTrue(async () => {
    const reply = await target.admin.get(path);
    return holds(reply.code === 200 ? reply.body : undefined);
  }, path);
}

describe('the status of components', () => {
  const path = '/api/v1/componentstatuses';

  it('is listed, and read one by one, and called deprecated', async () => {
    const list = await target.admin.get(path);
    const names = list.body.items.map(({ metadata }: { metadata: Metadata }) => metadata.name);
    expect([list.code, list.body.kind]).toEqual([200, 'ComponentStatusList']);
    expect(names).toEqual(expect.arrayContaining(['controller-manager', 'etcd-0', 'scheduler']));
    expect(list.warnings).toEqual(['v1 ComponentStatus is deprecated in v1.19+']);
    expect((await target.admin.get(`${path}/etcd-0`)).body).toMatchObject({
      kind: 'ComponentStatus',
      conditions: [{ type: 'Healthy', status: 'True' }],
    });
    expect((await target.admin.get(`${path}/nobody`)).code).toBe(404);
    expect((await target.admin.get(`${path}?fieldSelector=metadata.name=etcd-0`)).body.items).toHaveLength(1);
  });

  it('is shown as a table', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const { columnDefinitions } = (await target.admin.get(path, { accept })).body as unknown as {
      columnDefinitions: { name: string }[];
    };
    expect(columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Status', 'Message', 'Error']);
  });

  it('is not written', async () => {
    expect((await target.admin.post(path, { metadata: { name: 'x' } })).code).toBe(405);
    expect((await target.admin.delete(`${path}/etcd-0`)).code).toBe(405);
  });
});

describe('Endpoints', () => {
  it('are called deprecated to whoever reads them', async () => {
    const { warnings } = await target.admin.get(`${target.core}/endpoints`);
    expect(warnings).toEqual(['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice']);
  });
});
