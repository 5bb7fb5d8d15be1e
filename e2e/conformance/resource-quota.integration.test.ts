import type { ApiObject } from './api-client.ts';
import { podSpec } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();

/** As a quota controller would bring it about: what is limited, and what is used of it. */
async function quotaOf(hard: Record<string, string>, spec: object = {}, used: Record<string, string> = {}) {
  const namespace = await target.newNamespace();
  const path = `/api/v1/namespaces/${namespace}`;
  const made = await target.admin.made(`${path}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard, ...spec } });
  const none = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']));
  const reply = await target.admin.put(`${path}/resourcequotas/q/status`, {
    ...made,
    status: { hard, used: { ...none, ...used } },
  });
  expect(reply.code).toBe(200);
  return path;
}

async function usedOf(path: string): Promise<unknown> {
  return ((await target.admin.read(`${path}/resourcequotas/q`)).status as { used: unknown }).used;
}

function pod(name: string, resources: object = {}, spec: object = {}) {
  return {
    metadata: { name },
    spec: { ...podSpec, ...spec, containers: [{ name: 'c', image: 'registry.invalid/none:1', resources }] },
  };
}

describe('ResourceQuota, counting objects', () => {
  it('counts what is made and refuses what is too many', async () => {
    const path = await quotaOf({ 'count/configmaps': '2', configmaps: '5' });
    for (const name of ['a', 'b']) await target.admin.made(`${path}/configmaps`, { metadata: { name } });
    const reply = await target.admin.post(`${path}/configmaps`, { metadata: { name: 'c' } });
    expect(reply.code).toBe(403);
    expect(reply.body).toMatchObject({ reason: 'Forbidden', details: { name: 'c', kind: 'configmaps' } });
    expect(reply.body.message).toBe(
      'configmaps "c" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2',
    );
    expect(await usedOf(path)).toEqual({ 'count/configmaps': '2', configmaps: '2' });
  });

  it('counts kinds of other groups by their full name', async () => {
    const path = await quotaOf({ 'count/deployments.apps': '0' });
    const template = { metadata: { labels: { a: 'b' } }, spec: podSpec };
    const spec = { replicas: 0, selector: { matchLabels: { a: 'b' } }, template };
    const deployments = path.replace('/api/v1', '/apis/apps/v1');
    const reply = await target.admin.post(`${deployments}/deployments`, { metadata: { name: 'd' }, spec });
    expect(reply.body.message).toBe(
      'deployments.apps "d" is forbidden: exceeded quota: q, requested: count/deployments.apps=1, used: count/deployments.apps=0, limited: count/deployments.apps=0',
    );
  });

  it('counts replication controllers by their short name', async () => {
    const path = await quotaOf({ replicationcontrollers: '1' });
    const controllers = `${path}/replicationcontrollers`;
    const spec = { replicas: 0, selector: { a: 'b' }, template: { metadata: { labels: { a: 'b' } }, spec: podSpec } };
    await target.admin.made(controllers, { metadata: { name: 'rc' }, spec });
    expect(await usedOf(path)).toEqual({ replicationcontrollers: '1' });
    expect((await target.admin.post(controllers, { metadata: { name: 'second' }, spec })).code).toBe(403);
  });

  it('charges nothing for a dry run, nor for what is not stored', async () => {
    const path = await quotaOf({ 'count/secrets': '2' });
    expect((await target.admin.post(`${path}/secrets?dryRun=All`, { metadata: { name: 'x' } })).code).toBe(201);
    await target.admin.made(`${path}/secrets`, { metadata: { name: 'x' } });
    expect((await target.admin.post(`${path}/secrets`, { metadata: { name: 'x' } })).code).toBe(409);
    expect((await target.admin.post(`${path}/secrets`, { metadata: { name: 'Not a name' } })).code).toBe(422);
    expect(await usedOf(path)).toEqual({ 'count/secrets': '1' });
  });

  it('counts services, their load balancers and their node ports', async () => {
    const path = await quotaOf({ services: '5', 'services.nodeports': '2', 'services.loadbalancers': '0' });
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81 },
    ];
    await target.admin.made(`${path}/services`, { metadata: { name: 's' }, spec: { ports } });
    expect((await target.admin.merge(`${path}/services/s`, { spec: { type: 'NodePort' } })).code).toBe(200);
    expect(await usedOf(path)).toEqual({ services: '1', 'services.nodeports': '2', 'services.loadbalancers': '0' });
    const reply = await target.admin.post(`${path}/services`, {
      metadata: { name: 't' },
      spec: { type: 'NodePort', ports: ports.slice(1) },
    });
    expect(reply.body.message).toBe(
      'services "t" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=2, limited: services.nodeports=2',
    );
  });
});

describe('ResourceQuota, measuring pods', () => {
  const resources = { requests: { cpu: '300m', memory: '64Mi' }, limits: { cpu: '1', memory: '128Mi' } };

  it('adds up what pods request and are limited to', async () => {
    const hard = { pods: '3', 'requests.cpu': '1', memory: '200Mi', 'limits.memory': '1Gi' };
    const path = await quotaOf(hard);
    await target.admin.made(`${path}/pods`, pod('a', resources));
    await target.admin.made(`${path}/pods`, pod('b', resources));
    expect(await usedOf(path)).toEqual({
      pods: '2',
      'requests.cpu': '600m',
      memory: '128Mi',
      'limits.memory': '256Mi',
    });
    const large = { ...resources, requests: { cpu: '500m', memory: '128Mi' } };
    expect((await target.admin.post(`${path}/pods`, pod('c', large))).body.message).toBe(
      'pods "c" is forbidden: exceeded quota: q, requested: memory=128Mi,requests.cpu=500m, used: memory=128Mi,requests.cpu=600m, limited: memory=200Mi,requests.cpu=1',
    );
  });

  it('asks containers to say what the quota limits', async () => {
    const path = await quotaOf({ 'limits.cpu': '1', 'requests.memory': '1Gi' });
    const reply = await target.admin.post(`${path}/pods`, pod('a', { limits: { memory: '1Mi' } }));
    expect(reply.body.message).toBe('pods "a" is forbidden: failed quota: q: must specify limits.cpu for: c');
  });

  it('measures pods again when they are resized', async () => {
    const path = await quotaOf({ 'requests.cpu': '1' });
    await target.admin.made(`${path}/pods`, pod('a', resources));
    const resized = (cpu: string) =>
      target.admin.patch(`${path}/pods/a/resize`, 'strategic-merge-patch+json', {
        spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] },
      });
    expect((await resized('700m')).code).toBe(200);
    expect(await usedOf(path)).toEqual({ 'requests.cpu': '700m' });
    const limits = { limits: { cpu: '2' } };
    const refused = await target.admin.patch(`${path}/pods/a/resize`, 'strategic-merge-patch+json', {
      spec: { containers: [{ name: 'c', resources: { ...limits, requests: { cpu: '1500m' } } }] },
    });
    expect(refused.body.message).toBe(
      'pods "a" is forbidden: exceeded quota: q, requested: requests.cpu=800m, used: requests.cpu=700m, limited: requests.cpu=1',
    );
  });

  it.each([
    ['BestEffort', {}, { pods: '1' }],
    ['NotBestEffort', {}, { pods: '0' }],
    ['Terminating', { activeDeadlineSeconds: 5 }, { pods: '1' }],
    ['NotTerminating', { activeDeadlineSeconds: 5 }, { pods: '0' }],
  ])('counts in the scope %s', async (scope, spec, used) => {
    const path = await quotaOf({ pods: '5' }, { scopes: [scope] });
    await target.admin.made(`${path}/pods`, pod('a', {}, spec));
    expect(await usedOf(path)).toEqual(used);
  });

  it('counts pods of some priority classes', async () => {
    const scopeSelector = {
      matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] }],
    };
    const path = await quotaOf({ pods: '1' }, { scopeSelector });
    await target.admin.made(`${path}/pods`, pod('a'));
    await target.admin.made(`${path}/pods`, pod('b', {}, { priorityClassName: 'system-node-critical' }));
    expect(await usedOf(path)).toEqual({ pods: '1' });
    const refused = await target.admin.post(
      `${path}/pods`,
      pod('c', {}, { priorityClassName: 'system-node-critical' }),
    );
    expect(refused.code).toBe(403);
  });
});

describe('ResourceQuota under concurrent creates', () => {
  it('never gives away more than there is', async () => {
    const path = await quotaOf({ 'count/configmaps': '20' });
    const names = Array.from({ length: 50 }, (_, i) => `n${i}`);
    const replies = await Promise.all(
      names.map((name) => target.admin.post(`${path}/configmaps`, { metadata: { name } })),
    );
    const codes = replies.map(({ code }) => code);
    expect(codes.filter((code) => code === 201)).toHaveLength(20);
    expect(codes.filter((code) => code === 403)).toHaveLength(30);
    const list: ApiObject = await target.admin.read(`${path}/configmaps`);
    expect(list.items.filter(({ metadata }) => metadata.name.startsWith('n'))).toHaveLength(20);
    expect(await usedOf(path)).toEqual({ 'count/configmaps': '20' });
  });
});
