import type { PersistentVolumeClaim, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { addNodes, startControlPlane } from './control-plane.ts';
import { startScriptedAgent } from './scripted-agent.ts';

describe('a claim that a pod uses', () => {
  it('is deleted when the pod is gone', async () => {
    const plane = await startControlPlane();
    const stopAgent = startScriptedAgent(plane);
    await addNodes(plane, ['n0']);
    const { client, signal } = plane;
    try {
      const metadata = { namespace: 'default', name: 'data' };
      const resources = { requests: { storage: '1Gi' } };
      const claim: PersistentVolumeClaim = {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata,
        spec: { accessModes: ['ReadWriteOnce'], resources },
      };
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace: 'default', name: 'user' },
        spec: {
          nodeName: 'n0',
          containers: [{ name: 'c', image: 'i' }],
          volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
        },
      };
      await plane.until(
        kinds.serviceAccounts,
        { namespace: 'default', name: 'default' },
        (found) => found !== undefined,
      );
      await client.create(kinds.persistentVolumeClaims, claim, { signal });
      await client.create(kinds.pods, pod, { signal });
      await client.delete(kinds.persistentVolumeClaims, metadata, { signal });
      const held = await client.get(kinds.persistentVolumeClaims, metadata, { signal });
      expect(held.metadata.deletionTimestamp).toBeDefined();
      await client.delete(kinds.pods, { namespace: 'default', name: 'user' }, { signal });
      await plane.until(kinds.persistentVolumeClaims, metadata, (found) => found === undefined);
    } finally {
      await stopAgent();
      await plane.stop();
    }
  });
});
