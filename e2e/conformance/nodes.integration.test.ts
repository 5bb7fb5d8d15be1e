/** What the agent of a node may do. The tests act as one by impersonation, so that they need no certificate. */
import type { Reply, Tree } from './api-client.ts';
import { configMap, pod } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
let node = '';
let other = '';
let nodeUid = '';

beforeAll(async () => {
  const made = await target.admin.made('/api/v1/nodes', { metadata: { generateName: 'node-' } });
  node = made.metadata.name;
  nodeUid = made.metadata.uid;
  other = (await target.admin.made('/api/v1/nodes', { metadata: { generateName: 'node-' } })).metadata.name;
});

function asNode(method: string, path: string, body?: unknown, contentType?: string): Promise<Reply> {
  const headers = {
    'impersonate-user': `system:node:${node}`,
    'impersonate-group': 'system:nodes',
    ...(contentType ? { 'content-type': `application/${contentType}` } : {}),
  };
  return target.admin.request(method, path, { headers, ...(body === undefined ? {} : { body }) });
}

const merge = (path: string, patch: Tree) => asNode('PATCH', path, patch, 'merge-patch+json');

async function run(name: string, on: string, spec: Tree = {}) {
  return await target.admin.made(
    `${target.core}/pods`,
    pod(name, { nodeName: on, terminationGracePeriodSeconds: 0, ...spec }),
  );
}

describe('an agent reads', () => {
  it('the objects that its pods refer to, as long as they do', async () => {
    const objects = ['mounted', 'in-env', 'unused'];
    for (const name of objects) {
      await target.admin.made(`${target.core}/secrets`, { metadata: { name } });
      await target.admin.made(`${target.core}/configmaps`, configMap(name));
    }
    const codes = async (resource: string) =>
      await Promise.all(objects.map(async (name) => (await asNode('GET', `${target.core}/${resource}/${name}`)).code));
    expect(await codes('secrets')).toEqual([403, 403, 403]);
    const container = {
      name: 'c',
      image: 'i',
      env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'in-env', key: 'a' } } }],
      envFrom: [{ configMapRef: { name: 'in-env' } }],
    };
    const volumes = [
      { name: 'a', secret: { secretName: 'mounted' } },
      { name: 'b', projected: { sources: [{ configMap: { name: 'mounted' } }] } },
    ];
    await run('reader', node, { containers: [container], volumes });
    await run('elsewhere', other, { volumes: [{ name: 'a', secret: { secretName: 'unused' } }] });
    expect(await codes('secrets')).toEqual([200, 200, 403]);
    expect(await codes('configmaps')).toEqual([200, 200, 403]);
    expect((await asNode('GET', `${target.core}/secrets`)).code).toBe(403);
    const one = `${target.core}/secrets?fieldSelector=metadata.name=mounted`;
    expect((await asNode('GET', one)).code).toBe(200);
    await target.admin.delete(`${target.core}/pods/reader`, { gracePeriodSeconds: 0 });
    expect(await codes('secrets')).toEqual([403, 403, 403]);
    await target.admin.delete(`${target.core}/pods/elsewhere`, { gracePeriodSeconds: 0 });
  });

  it('its own pods and its own node', async () => {
    await run('mine', node);
    await run('theirs', other);
    expect((await asNode('GET', `${target.core}/pods/mine`)).code).toBe(200);
    expect((await asNode('GET', `${target.core}/pods/theirs`)).code).toBe(403);
    expect((await asNode('GET', '/api/v1/pods')).code).toBe(403);
    expect((await asNode('GET', `/api/v1/pods?fieldSelector=spec.nodeName=${node}`)).code).toBe(200);
    expect((await asNode('GET', `/api/v1/pods?fieldSelector=spec.nodeName=${other}`)).code).toBe(403);
    expect((await asNode('GET', `/api/v1/nodes/${node}`)).code).toBe(200);
    expect((await asNode('GET', `/api/v1/nodes/${other}`)).code).toBe(403);
    expect((await asNode('GET', '/api/v1/services')).code).toBe(200);
  });
});

describe('an agent does not', () => {
  afterAll(async () => {
    for (const name of [node, other]) await target.admin.delete(`/api/v1/nodes/${name}`);
  });

  const refused = async (reply: Promise<Reply>, message: string) => {
    const { code, body } = await reply;
    expect(body.message).toContain(message);
    expect(code).toBe(403);
  };

  it('write to another node', () =>
    refused(
      merge(`/api/v1/nodes/${other}/status`, { status: {} }),
      `node "${node}" is not allowed to modify node "${other}"`,
    ));

  it('change what says who may run on it', async () => {
    const path = `/api/v1/nodes/${node}`;
    const labels = (label: string) => ({ metadata: { labels: { [label]: 'x' } } });
    await refused(
      merge(path, { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }),
      'is not allowed to modify taints',
    );
    for (const label of [
      'node-restriction.kubernetes.io/a',
      'x.node-restriction.kubernetes.io/a',
      'kubernetes.io/mine',
    ]) {
      await refused(merge(path, labels(label)), `is not allowed to modify labels: ${label}`);
    }
    for (const label of ['example.com/a', 'node.kubernetes.io/a', 'topology.kubernetes.io/zone']) {
      expect((await merge(path, labels(label))).code).toBe(200);
    }
  });

  it('write the status of pods elsewhere, nor change labels by it', async () => {
    const message = { status: { message: 'hi' } };
    expect((await merge(`${target.core}/pods/mine/status`, message)).code).toBe(200);
    await refused(
      merge(`${target.core}/pods/theirs/status`, message),
      `node "${node}" can only update pod status for pods with spec.nodeName set to itself`,
    );
    await refused(
      asNode('DELETE', `${target.core}/pods/theirs`),
      `node "${node}" can only delete pods with spec.nodeName set to itself`,
    );
    await refused(
      asNode('POST', `${target.core}/pods/theirs/eviction`, { metadata: { name: 'theirs' } }),
      `node ${node} can only evict pods with spec.nodeName set to itself`,
    );
  });

  it('make pods but mirrors of its own that refer to nothing', async () => {
    const create = (metadata: Tree, spec: Tree = {}) => {
      const made = pod('mirror', { nodeName: node, serviceAccountName: '', ...spec }, metadata);
      return asNode('POST', `${target.core}/pods`, made);
    };
    const annotations = { 'kubernetes.io/config.mirror': 'x' };
    const owner = { apiVersion: 'v1', kind: 'Node', name: node, uid: nodeUid, controller: true };
    const ownerReferences = [owner];
    await refused(create({}), `annotation, node "${node}" can only create mirror pods`);
    await refused(create({ annotations }), 'can only create pods with an owner reference set to itself');
    await refused(create({ annotations, ownerReferences }, { nodeName: other }), 'with spec.nodeName set to itself');
    await refused(
      create({ annotations, ownerReferences: [{ ...owner, uid: 'x' }] }),
      `node "${node}" UID mismatch: expected ${nodeUid} got x`,
    );
    await refused(
      create({ annotations, ownerReferences }, { volumes: [{ name: 'a', secret: { secretName: 'unused' } }] }),
      'can not create pods that reference secrets',
    );
    expect((await create({ annotations, ownerReferences })).code).toBe(201);
    expect((await asNode('GET', `${target.core}/secrets/unused`)).code).toBe(403);
    expect((await asNode('DELETE', `${target.core}/pods/mirror?gracePeriodSeconds=0`)).code).toBe(200);
  });

  it('ask for tokens but those of its pods', async () => {
    const token = (spec: Tree) => asNode('POST', `${target.core}/serviceaccounts/default/token`, { spec });
    const { metadata } = (await target.admin.get(`${target.core}/pods/mine`)).body;
    const { uid } = (await target.admin.get(`${target.core}/pods/theirs`)).body.metadata;
    const bound = (name: string, boundUid?: string) => ({
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, ...(boundUid ? { uid: boundUid } : {}) },
    });
    await refused(token({}), 'node requested token not bound to a pod');
    await refused(token(bound('mine')), 'node requested token with a pod binding without a uid');
    await refused(token(bound('theirs', uid)), 'node requested token bound to a pod scheduled on a different node');
    await refused(
      token({ ...bound('mine', metadata.uid), audiences: ['vault'] }),
      'audience "vault" not found in pod spec volume',
    );
    expect((await token(bound('mine', metadata.uid))).code).toBe(201);
  });

  it('hold the leases of others', async () => {
    const leases = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const lease = (name: string) => ({ metadata: { name }, spec: { holderIdentity: name } });
    const own = leases('kube-node-lease');
    expect((await asNode('POST', own, lease(node))).code).toBe(201);
    await refused(
      asNode('POST', own, lease(other)),
      'can only access node lease with the same name as the requesting node',
    );
    expect((await asNode('POST', leases('kube-system'), lease(node))).code).toBe(403);
    expect((await asNode('PUT', `${own}/${other}`, lease(other))).code).toBe(403);
    await asNode('DELETE', `${own}/${node}`);
  });
});
