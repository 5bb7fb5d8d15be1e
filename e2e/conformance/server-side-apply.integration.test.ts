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

describe('sets, maps and defaults', () => {
  const managersOf = (body: object) =>
    (body as { metadata: { managedFields: { manager: string; fieldsV1: object }[] } }).metadata.managedFields;
  const templateOf = (body: object) =>
    (
      body as {
        spec: { template: { metadata: object; spec: { containers: { ports?: object[] }[]; nodeSelector?: object } } };
      }
    ).spec.template;
  const claimOf = (body: object, name: string) =>
    JSON.stringify(managersOf(body).find(({ manager }) => manager === name)?.fieldsV1);

  it('a set is shared by value', async () => {
    const withFinalizers = (...finalizers: string[]) => intent('set', {}, { finalizers });
    await applyTo(at('set'), 'a', withFinalizers('x.example/a'));
    const both = await applyTo(at('set'), 'b', withFinalizers('x.example/b'));
    expect(both.body.metadata.finalizers).toEqual(['x.example/a', 'x.example/b']);
    expect(claimOf(both.body, 'b')).toContain('"v:\\"x.example/b\\""');
    const left = await applyTo(at('set'), 'a', withFinalizers());
    expect(left.body.metadata.finalizers).toEqual(['x.example/b']);
    await applyTo(at('set'), 'b', withFinalizers());
  });

  it('a map is shared by key, and one that is atomic is not', async () => {
    const labelled = (labels: object, nodeSelector: object) =>
      deployment('maps', {
        template: {
          metadata: { labels: { app: 'x', ...labels } },
          spec: { containers: [{ name: 'c', image: 'i' }], nodeSelector },
        },
      });
    const path = `${target.apps}/deployments/maps`;
    await applyTo(path, 'a', labelled({ a: '1' }, { disk: 'ssd' }));
    const label = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'maps' },
      spec: { template: { metadata: { labels: { b: '2' } } } },
    };
    const shared = await applyTo(path, 'b', label);
    expect(templateOf(shared.body).metadata).toEqual({ labels: { app: 'x', a: '1', b: '2' } });
    const other = { ...label, spec: { template: { spec: { nodeSelector: { zone: 'z' } } } } };
    const refused = await applyTo(path, 'c', other);
    expect(refused.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "a": .spec.template.spec.nodeSelector',
    );
    const forced = await applyTo(path, 'c', other, '&force=true');
    expect(templateOf(forced.body).spec.nodeSelector).toEqual({ zone: 'z' });
    expect(claimOf(forced.body, 'a')).not.toContain('f:nodeSelector');
  });

  it('a key that is left out is its default', async () => {
    const withPort = (port: object) =>
      deployment('keys', {
        template: {
          metadata: { labels: { app: 'x' } },
          spec: { containers: [{ name: 'c', image: 'i', ports: [port] }] },
        },
      });
    const path = `${target.apps}/deployments/keys`;
    const first = await applyTo(path, 'a', withPort({ containerPort: 80 }));
    expect(claimOf(first.body, 'a')).toContain('k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}');
    const second = await applyTo(path, 'a', withPort({ containerPort: 80, protocol: 'TCP', name: 'web' }));
    expect(second.code).toBe(200);
    expect(templateOf(second.body).spec.containers[0]?.ports).toEqual([
      { containerPort: 80, protocol: 'TCP', name: 'web' },
    ]);
  });

  it('the same value may have two owners, and is gone only with the last', async () => {
    const path = at('two-owners');
    await applyTo(path, 'a', intent('two-owners', { k: 'v' }));
    const both = await applyTo(path, 'b', intent('two-owners', { k: 'v' }));
    expect(managersOf(both.body).map(({ manager }) => manager)).toEqual(['a', 'b']);
    const refused = await applyTo(path, 'b', intent('two-owners', { k: 'w' }));
    expect(refused.code).toBe(409);
    expect((await applyTo(path, 'b', intent('two-owners', {}))).body.data).toEqual({ k: 'v' });
  });

  it('an update takes over what it changes, and says when', async () => {
    const path = at('taken');
    await applyTo(path, 'a', intent('taken', { k: 'v', l: 'w' }));
    const updated = await target.admin.merge(`${path}?fieldManager=editor`, { data: { k: 'new' } });
    expect(claimOf(updated.body, 'a')).toBe('{"f:data":{"f:l":{}}}');
    expect(claimOf(updated.body, 'editor')).toBe('{"f:data":{"f:k":{}}}');
  });

  it('the scale of a workload has an owner too', async () => {
    const path = `${target.apps}/deployments/scaled`;
    await applyTo(path, 'a', deployment('scaled', { replicas: 1 }));
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'scaled' }, spec: { replicas: 3 } };
    const refused = await applyTo(`${path}/scale`, 'autoscaler', scale);
    expect(refused.code).toBe(409);
    const forced = await applyTo(`${path}/scale`, 'autoscaler', scale, '&force=true');
    expect(forced.body.spec).toEqual({ replicas: 3 });
    const reply = await target.admin.get(path);
    expect(managersOf(reply.body)).toContainEqual(
      expect.objectContaining({
        manager: 'autoscaler',
        operation: 'Apply',
        subresource: 'scale',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      }),
    );
    expect(claimOf(reply.body, 'a')).not.toContain('f:replicas');
  });

  it('all owners are forgotten by one empty entry', async () => {
    await applyTo(at('forgotten'), 'a', intent('forgotten', { k: 'v' }));
    const reset = await target.admin.merge(at('forgotten'), { metadata: { managedFields: [{}] } });
    expect(reset.code).toBe(200);
    expect(reset.body.metadata.managedFields).toBeUndefined();
    const again = await applyTo(at('forgotten'), 'b', intent('forgotten', { k: 'w' }));
    expect(again.body.message).toMatch(/^Apply failed with 1 conflict: conflict with "before-first-apply" using v1/);
  });

  it('a manager that goes over to another version stays the same one', async () => {
    const path = (version: string) =>
      `/apis/autoscaling/${version}/namespaces/${target.namespace}/horizontalpodautoscalers/versions`;
    const autoscaler = (version: string, maxReplicas: number) => ({
      apiVersion: `autoscaling/${version}`,
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'versions' },
      spec: { maxReplicas, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } },
    });
    await applyTo(path('v1'), 'a', autoscaler('v1', 3));
    const reply = await applyTo(path('v2'), 'a', autoscaler('v2', 4));
    expect(reply.code).toBe(200);
    const own = managersOf(reply.body).filter(({ manager }) => manager === 'a');
    expect(own).toMatchObject([{ apiVersion: 'autoscaling/v2' }]);
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
