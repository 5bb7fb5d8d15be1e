import type { ConfigMap, ResourceQuota } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

describe('quotas with the controller that counts', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
  });
  afterAll(() => plane.stop());

  const configMap = (namespace: string, name: string): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name },
  });

  async function limited(namespace: string, hard: Record<string, string>): Promise<void> {
    const { client, signal } = plane;
    await client.create(
      kinds.namespaces,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace }, spec: {} },
      { signal },
    );
    // What every namespace has is there before anything is counted.
    await plane.until(kinds.configMaps, { namespace, name: 'kube-root-ca.crt' }, (object) => object !== undefined);
    const metadata = { namespace, name: 'q' };
    await client.create(
      kinds.resourceQuotas,
      { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard } },
      { signal },
    );
  }
  const untilUsed = (namespace: string, used: Record<string, string>) =>
    plane.until<ResourceQuota>(kinds.resourceQuotas, { namespace, name: 'q' }, (quota) =>
      Object.entries(used).every(([name, amount]) => quota?.status?.used?.[name] === amount),
    );

  it('counts what is there already, what comes and what goes', async () => {
    const { client, signal } = plane;
    await limited('counted', { 'count/configmaps': '3' });
    await untilUsed('counted', { 'count/configmaps': '1' });
    for (const name of ['a', 'b']) await client.create(kinds.configMaps, configMap('counted', name), { signal });
    await untilUsed('counted', { 'count/configmaps': '3' });
    await expect(client.create(kinds.configMaps, configMap('counted', 'c'), { signal })).rejects.toThrow(
      'exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=3, limited: count/configmaps=3',
    );
    await client.delete(kinds.configMaps, { namespace: 'counted', name: 'a' }, { signal });
    await untilUsed('counted', { 'count/configmaps': '2' });
    await client.create(kinds.configMaps, configMap('counted', 'c'), { signal });
  });

  it('stays exact while many make and delete at once', async () => {
    const { client, signal } = plane;
    await limited('busy', { 'count/configmaps': '10' });
    await untilUsed('busy', { 'count/configmaps': '1' });
    let most = 0;
    const present = new Set<string>();
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const name = `c${i}`;
        const made = await client.create(kinds.configMaps, configMap('busy', name), { signal }).catch(() => undefined);
        if (!made) return;
        present.add(name);
        most = Math.max(most, present.size);
        if (i % 2 === 0) return;
        // Gone for us before it is gone for the quota: never the other way round.
        present.delete(name);
        await client.delete(kinds.configMaps, { namespace: 'busy', name }, { signal });
      }),
    );
    expect(most).toBeLessThanOrEqual(9);
    await untilUsed('busy', { 'count/configmaps': String(present.size + 1) });
  });
});
