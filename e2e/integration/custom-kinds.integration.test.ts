/** Custom kinds come and go while everything runs: controllers follow them, and so does every API server of the store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Service as EcsService } from '@slipway/api/ecs/kinds';
import type { ConfigMap, KubeObject } from '@slipway/api/types';
import { apiServerConfig, createApiServer, openEmbeddedStore } from '@slipway/apiserver';
import { Client } from '@slipway/client/client';
import { type Kind, kinds } from '@slipway/client/kinds';
import { definitions } from '@slipway/crds';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

interface Widget extends KubeObject {
  spec?: object;
}

function widgetsOf(group: string): { readonly kind: Kind<Widget>; readonly definition: KubeObject } {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
  return { kind: { group, version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true }, definition };
}

const widget = (group: string, namespace: string, name: string): Widget => ({
  apiVersion: `${group}/v1`,
  kind: 'Widget',
  metadata: { namespace, name },
});

/** Until the server knows the kind. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 200; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await systemClock.sleep(25, new AbortController().signal);
    }
  }
}

async function gone(
  client: Client,
  kind: Kind,
  ref: { namespace?: string; name: string },
  signal: AbortSignal,
): Promise<void> {
  await eventually(async () => {
    const found = await client.get(kind, ref, { signal }).catch(() => undefined);
    if (found) throw new Error(`${ref.name} is still there`);
  });
}

describe('controllers and custom kinds', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({});
  });
  afterAll(() => plane.stop());

  const newNamespace = async (name: string) => {
    const { client, signal } = plane;
    await client.create(
      kinds.namespaces,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} },
      { signal },
    );
  };

  it('collect what a custom object owned, and custom objects whose owner went', async () => {
    const { client, signal } = plane;
    await newNamespace('owners');
    const { kind, definition } = widgetsOf('owned.example.com');
    await client.create(kinds.customResourceDefinitions, definition, { signal });
    const owner = await eventually(() => client.create(kind, widget(kind.group, 'owners', 'owner'), { signal }));
    const owned = (by: KubeObject) => [
      { apiVersion: by.apiVersion, kind: by.kind, name: by.metadata.name ?? '', uid: by.metadata.uid ?? '' },
    ];
    const child = widget(kind.group, 'owners', 'child');
    child.metadata.ownerReferences = owned(owner);
    const made = await client.create(kind, child, { signal });
    const config: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'owners', name: 'grandchild', ownerReferences: owned(made) },
    };
    await client.create(kinds.configMaps, config, { signal });
    await client.delete(kind, { namespace: 'owners', name: 'owner' }, { signal });
    await gone(client, kind, { namespace: 'owners', name: 'child' }, signal);
    await gone(client, kinds.configMaps, { namespace: 'owners', name: 'grandchild' }, signal);
  });

  it('empty a namespace of custom objects', async () => {
    const { client, signal } = plane;
    await newNamespace('emptied');
    const { kind, definition } = widgetsOf('emptied.example.com');
    await client.create(kinds.customResourceDefinitions, definition, { signal });
    await eventually(() => client.create(kind, widget(kind.group, 'emptied', 'one'), { signal }));
    await client.delete(kinds.namespaces, { name: 'emptied' }, { signal });
    await gone(client, kinds.namespaces, { name: 'emptied' }, signal);
    expect((await client.list(kind, { signal })).items).toEqual([]);
  });
});

describe('controllers and the kinds that the platform brings along', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ ownKinds: { definitions: definitions(), objects: [] } });
  });
  afterAll(() => plane.stop());

  it('collect what their objects owned, though controllers watch these kinds already', async () => {
    const { client, signal } = plane;
    const metadata = { namespace: 'default', name: 'web' };
    const spec = { taskDefinition: 'web:1', desiredCount: 0, schedulingStrategy: 'REPLICA', desiredStatus: 'ACTIVE' };
    const service = { apiVersion: 'ecs.slipway.dev/v1', kind: 'Service', metadata, spec } as EcsService;
    const made = await eventually(() => client.create(kinds.ecsServices, service, { signal }));
    const owner = { apiVersion: 'ecs.slipway.dev/v1', kind: 'Service', name: 'web', uid: made.metadata.uid ?? '' };
    const config: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'default', name: 'of-web', ownerReferences: [owner] },
    };
    await client.create(kinds.configMaps, config, { signal });
    await client.delete(kinds.ecsServices, { namespace: 'default', name: 'web' }, { signal });
    await gone(client, kinds.configMaps, { namespace: 'default', name: 'of-web' }, signal);
  });
});

describe('two API servers on one store', () => {
  it('both serve a kind that one of them was told of, and both cease to', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'slipway-two-servers-'));
    const backend = await openEmbeddedStore({ directory: join(directory, 'store'), clock: systemClock });
    const world = { backend, clock: systemClock, random: systemRandom, log: silentLogger };
    const config = apiServerConfig({ dataDir: directory, securePort: 0 });
    const stopping = new AbortController();
    const { signal } = stopping;
    const first = await createApiServer(config, world);
    const running = [first.run(signal)];
    await first.ready;
    const second = await createApiServer(config, world);
    running.push(second.run(signal));
    await second.ready;
    const admin = { name: 'admin', groups: ['system:masters'] };
    const [one, other] = [new Client(first.transport(admin)), new Client(second.transport(admin))];

    const { kind, definition } = widgetsOf('shared.example.com');
    await one.create(kinds.customResourceDefinitions, definition, { signal });
    await eventually(() => other.create(kind, widget(kind.group, 'default', 'a'), { signal }));
    await eventually(() => one.get(kind, { namespace: 'default', name: 'a' }, { signal }));
    expect(second.resources.some(({ group }) => group === kind.group)).toBe(true);
    await other.delete(kinds.customResourceDefinitions, { name: definition.metadata.name ?? '' }, { signal });
    await gone(one, kinds.customResourceDefinitions, { name: definition.metadata.name ?? '' }, signal);
    for (const client of [one, other])
      await eventually(() => expect(client.list(kind, { signal })).rejects.toMatchObject({ code: 404 }));

    stopping.abort();
    await Promise.all(running);
    await backend.close();
    await rm(directory, { recursive: true });
  });
});
