/** Server-side apply: who owns which field. */
import { deployment, service } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const at = (name: string) => `${target.core}/configmaps/${name}`;
const intent = (name: string, data: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});
const applyTo = (path: string, manager: string, body: unknown, query = '') =>
  target.admin.patch(`${path}?fieldManager=${manager}${query}`, 'apply-patch+yaml', body);
const apply = (name: string, manager: string, data: object, query = '') =>
  applyTo(at(name), manager, intent(name, data), query);

describe('applying', () => {
  it('creates what is absent', async () => {
    const reply = await apply('new', 'a', { k: 'v' });
    expect(reply.code).toBe(201);
    expect(reply.body.data).toEqual({ k: 'v' });
    expect(reply.body.metadata.managedFields).toMatchObject([
      {
        manager: 'a',
        operation: 'Apply',
        apiVersion: 'v1',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { 'f:k': {} } },
      },
    ]);
  });

  it('twice changes nothing', async () => {
    const first = await apply('twice', 'a', { k: 'v' });
    const second = await apply('twice', 'a', { k: 'v' });
    expect(second.code).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  it('takes YAML', async () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata:\n  k: "1"\n';
    expect((await applyTo(at('yaml'), 'a', text)).body.data).toEqual({ k: '1' });
  });

  it('removes what the manager no longer wants, and nothing else', async () => {
    await apply('shrink', 'a', { mine: '1', gone: '2' });
    await target.admin.merge(at('shrink'), { data: { theirs: '3' } });
    expect((await apply('shrink', 'a', { mine: '1' })).body.data).toEqual({ mine: '1', theirs: '3' });
  });

  it('keeps what another manager wants too', async () => {
    await apply('shared', 'a', { k: 'v' });
    await apply('shared', 'b', { k: 'v', l: 'w' });
    expect((await apply('shared', 'a', {})).body.data).toEqual({ k: 'v', l: 'w' });
    expect((await apply('shared', 'b', {})).body.data ?? {}).toEqual({});
  });
});

describe('a conflict', () => {
  it('names the field and its owner', async () => {
    await apply('conflict', 'a', { k: 'v' });
    const reply = await apply('conflict', 'b', { k: 'other' });
    expect(reply.code).toBe(409);
    expect(reply.body).toMatchObject({
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "a": .data.k',
      details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "a"', field: '.data.k' }] },
    });
    expect((await target.admin.read(at('conflict'))).data).toEqual({ k: 'v' });
  });

  it('names all of them', async () => {
    await apply('conflicts', 'a', { k: 'v', l: 'w' });
    const reply = await apply('conflicts', 'b', { k: 'x', l: 'y' });
    expect(reply.body.message).toBe('Apply failed with 2 conflicts: conflicts with "a":\n- .data.k\n- .data.l');
    expect(reply.body.details).toMatchObject({ causes: [{ field: '.data.k' }, { field: '.data.l' }] });
  });

  it('with an update says since when', async () => {
    await target.admin.made(`${target.core}/configmaps?fieldManager=editor`, intent('updated', { k: 'v' }));
    const reply = await apply('updated', 'b', { k: 'x' });
    expect(reply.body.message).toMatch(
      /^Apply failed with 1 conflict: conflict with "editor" using v1( at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?: \.data\.k$/,
    );
  });

  it('is won by force', async () => {
    await apply('forced', 'a', { k: 'v', l: 'w' });
    const reply = await apply('forced', 'b', { k: 'x' }, '&force=true');
    expect(reply.code).toBe(200);
    expect(reply.body.data).toEqual({ k: 'x', l: 'w' });
    expect(reply.body.metadata.managedFields).toMatchObject([
      { manager: 'a', fieldsV1: { 'f:data': { 'f:l': {} } } },
      { manager: 'b', fieldsV1: { 'f:data': { 'f:k': {} } } },
    ]);
    expect(JSON.stringify(reply.body.metadata.managedFields?.[0])).not.toContain('f:k');
  });
});

describe('lists', () => {
  const deployments = () => `${target.apps}/deployments`;
  const withEnv = (env: object[]) => {
    const container = { name: 'c', image: 'i', env };
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container] } };
    return deployment('lists', { template });
  };

  it('with keys are shared by element', async () => {
    await applyTo(`${deployments()}/lists`, 'a', withEnv([{ name: 'A', value: '1' }]));
    const both = await applyTo(`${deployments()}/lists`, 'b', withEnv([{ name: 'B', value: '2' }]));
    expect(both.code).toBe(200);
    const env = (body: object) => {
      const { spec } = body as { spec: { template: { spec: { containers: { env?: { name: string }[] }[] } } } };
      return (spec.template.spec.containers[0]?.env ?? []).map(({ name }) => name).sort();
    };
    expect(env(both.body)).toEqual(['A', 'B']);
    expect(env((await applyTo(`${deployments()}/lists`, 'a', withEnv([]))).body)).toEqual(['B']);
  });

  it('with two keys tell elements apart by both', async () => {
    const ports = (...list: object[]) => service('two-keys', { ports: list });
    const path = `${target.core}/services/two-keys`;
    await applyTo(path, 'a', ports({ name: 'tcp', port: 53, protocol: 'TCP' }));
    const reply = await applyTo(path, 'b', ports({ name: 'udp', port: 53, protocol: 'UDP' }));
    expect(reply.code).toBe(200);
    expect(reply.body.spec.ports).toMatchObject([
      { name: 'tcp', protocol: 'TCP' },
      { name: 'udp', protocol: 'UDP' },
    ]);
    expect(JSON.stringify(reply.body.metadata.managedFields)).toContain('k:{\\"port\\":53,\\"protocol\\":\\"UDP\\"}');
  });

  it('that are atomic belong to one', async () => {
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${target.namespace}/roles/atomic`;
    const role = (verb: string) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'atomic' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: [verb] }],
    });
    await applyTo(path, 'a', role('get'));
    const reply = await applyTo(path, 'b', role('list'));
    expect(reply.code).toBe(409);
    expect(reply.body.message).toBe('Apply failed with 1 conflict: conflict with "a": .rules');
  });
});

describe('the status', () => {
  it('has owners of its own', async () => {
    const path = `${target.apps}/deployments/status`;
    await applyTo(path, 'a', deployment('status'));
    const status = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'status' },
      status: { conditions: [{ type: 'X', status: 'True' }] },
    };
    const reply = await applyTo(`${path}/status`, 'b', status);
    expect(reply.code).toBe(200);
    expect(reply.body.status).toMatchObject({ conditions: [{ type: 'X', status: 'True' }] });
    expect(reply.body.metadata.managedFields).toContainEqual(
      expect.objectContaining({ manager: 'b', operation: 'Apply', subresource: 'status' }),
    );
  });
});

describe('an intent', () => {
  it('names its manager', async () => {
    const reply = await target.admin.patch(at('nobody'), 'apply-patch+yaml', intent('nobody', {}));
    expect(reply.code).toBe(422);
    expect(reply.body.message).toBe(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  });

  it('carries no managed fields', async () => {
    const reply = await applyTo(at('managed'), 'a', intent('managed', {}, { managedFields: [{ manager: 'x' }] }));
    expect(reply.code).toBe(400);
    expect(reply.body.message).toBe('metadata.managedFields must be nil');
  });

  it('is for the object of the path', async () => {
    expect((await applyTo(at('here'), 'a', intent('there', {}))).code).toBe(400);
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'here' } };
    expect((await applyTo(at('here'), 'a', secret)).code).toBe(400);
    expect((await applyTo(at('here'), 'a', '{')).code).toBe(400);
    expect((await applyTo(at('here'), 'a', '[]')).code).toBe(400);
  });

  it('is bound to a version that it names', async () => {
    const { metadata } = (await apply('bound', 'a', { k: 'v' })).body;
    await target.admin.merge(at('bound'), { data: { l: 'w' } });
    const { resourceVersion } = metadata;
    const reply = await applyTo(at('bound'), 'a', intent('bound', { k: 'x' }, { resourceVersion }));
    expect(reply.code).toBe(409);
    expect(reply.body.message).toContain('the object has been modified');
  });

  it('may be tried', async () => {
    const reply = await apply('dry', 'a', { k: 'v' }, '&dryRun=All');
    expect(reply.code).toBe(201);
    expect((await target.admin.get(at('dry'))).code).toBe(404);
  });

  it('with unknown fields is refused', async () => {
    const reply = await applyTo(
      at('unknown'),
      'a',
      { ...intent('unknown', {}), dat: { k: 'v' } },
      '&fieldValidation=Strict',
    );
    expect(reply.code).toBeGreaterThanOrEqual(400);
    expect(reply.code).toBeLessThan(500);
    expect(reply.text).toContain('dat');
  });
});
