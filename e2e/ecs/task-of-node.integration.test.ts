/** What the agent of a node may do with the tasks whose pods it runs: read them, and protect them from their service. */
import type { KubeObject } from '@slipway/api/types';
import type { Transport } from '@slipway/api/transport';
import { neverAborted } from '@slipway/kit/abort';
import { type EcsTestServer, startEcsServer } from './ecs-server.ts';

describe("tasks and the node's agent", () => {
  let server: EcsTestServer;
  let agent: Transport;

  beforeAll(async () => {
    server = await startEcsServer();
    agent = server.transportAs({ name: 'system:node:mine', groups: ['system:nodes'] });
    await create({ kind: 'ServiceAccount', metadata: { name: 'default' } }, 'serviceaccounts');
    await aTask('here', 'mine');
    await aTask('there', 'theirs');
    await aTask('pending', undefined);
    // Somebody who may make pods says that his is a task's.
    await create({ kind: 'Task', metadata: { name: 'claimed' }, spec: { taskDefinition: 'web:1' } }, 'tasks');
    await aPod('claimed', 'mine', 'another-uid');
  });
  afterAll(() => server.stop());

  async function create(body: object, resource: string): Promise<KubeObject> {
    const isTask = resource === 'tasks';
    const path = { group: isTask ? 'ecs.slipway.dev' : '', version: 'v1', resource, namespace: 'default' };
    const apiVersion = isTask ? 'ecs.slipway.dev/v1' : 'v1';
    return (await server.transport.send(
      { verb: 'create', path, body: { apiVersion, ...body } },
      neverAborted,
    )) as KubeObject;
  }

  async function aTask(name: string, node: string | undefined): Promise<void> {
    const spec = { taskDefinition: 'web:1', serviceName: 'web', group: 'service:web' };
    const { metadata } = await create({ kind: 'Task', metadata: { name }, spec }, 'tasks');
    if (node !== undefined) await aPod(name, node, metadata.uid ?? '');
  }

  async function aPod(name: string, nodeName: string, uid: string): Promise<void> {
    const owner = { apiVersion: 'ecs.slipway.dev/v1', kind: 'Task', name, uid, controller: true };
    const spec = { nodeName, containers: [{ name: 'c', image: 'x' }] };
    await create({ kind: 'Pod', metadata: { name, ownerReferences: [owner] }, spec }, 'pods');
  }

  const path = (name: string) => ({
    group: 'ecs.slipway.dev',
    version: 'v1',
    resource: 'tasks',
    namespace: 'default',
    name,
  });
  const patch = (name: string, body: object) =>
    agent.send({ verb: 'patch', patchType: 'merge', path: path(name), body }, neverAborted);
  const protection = { spec: { protection: { expirationDate: '2030-01-01T00:00:00Z' } } };

  it('reads and protects a task whose pod it runs', async () => {
    expect(await agent.send({ verb: 'get', path: path('here') }, neverAborted)).toMatchObject({
      spec: { serviceName: 'web' },
    });
    expect(await patch('here', protection)).toMatchObject(protection);
    const lifted = (await patch('here', { spec: { protection: null } })) as { readonly spec: object };
    expect(lifted.spec).not.toHaveProperty('protection');
  });

  it.each(['there', 'pending'])('has no part in the task %s', async (name) => {
    await expect(agent.send({ verb: 'get', path: path(name) }, neverAborted)).rejects.toThrow(
      /cannot get resource "tasks"/,
    );
    await expect(patch(name, protection)).rejects.toThrow(/cannot patch resource "tasks"/);
  });

  it('is not led to a task by a pod that only claims to be one', async () => {
    await expect(patch('claimed', protection)).rejects.toThrow(/can only update tasks whose pods it runs/);
  });

  it.each([
    { spec: { desiredStatus: 'STOPPED' } },
    { spec: { ...protection.spec, tags: [{ key: 'a', value: 'b' }] } },
    { metadata: { annotations: { 'slipway.dev/ecs-cluster-arn': 'x' } } },
    { metadata: { finalizers: ['x/y'] } },
  ])('writes nothing else: %j', async (body) => {
    await expect(patch('here', body)).rejects.toThrow(/can only update spec.protection of tasks/);
  });

  it('reads the container instance that its node is, and no other', async () => {
    const instance = (name: string) => {
      const place = { group: 'ecs.slipway.dev', version: 'v1', resource: 'containerinstances', name };
      return agent.send({ verb: 'get', path: place }, neverAborted);
    };
    await expect(instance('mine')).rejects.toThrow(/not found/);
    await expect(instance('theirs')).rejects.toThrow(/cannot get/);
  });

  it('lists, creates and deletes none', async () => {
    const all = { group: 'ecs.slipway.dev', version: 'v1', resource: 'tasks', namespace: 'default' };
    await expect(agent.send({ verb: 'list', path: all }, neverAborted)).rejects.toThrow(/cannot list/);
    await expect(agent.send({ verb: 'delete', path: path('here') }, neverAborted)).rejects.toThrow(/cannot delete/);
  });
});
