/** `slipway down` leaves the machine as it was, also when everything was killed before. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { existsSync } from 'node:fs';
import { newCluster } from '../harness/cluster.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';
import { machineState } from '../harness/machine.ts';

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 3
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
        - name: c
          image: localhost/web:1
          command: [sleep, "3600"]
          ports: [{containerPort: 80, hostPort: 0}]
          volumeMounts: [{name: scratch, mountPath: /scratch}]
      volumes: [{name: scratch, emptyDir: {medium: Memory}}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {type: NodePort, selector: {app: app}, ports: [{port: 80}]}
`;

describeWith(missingCapability(containerNeeds), 'slipway down', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)('leaves nothing behind after %s', async (signal) => {
    const cluster = await newCluster();
    const before = await machineState(cluster.dataDir, []);
    try {
      await cluster.up();
      await loadExampleImage(cluster, 'localhost/web:1');
      await cluster.kubectl(['apply', '-f', '-'], { input: manifest });
      await cluster.kubectl(['rollout', 'status', 'deployment/app', '--timeout=60s']);
      const uids = (await cluster.kubectl(['get', 'pods', '-A', '-o', 'jsonpath={.items[*].metadata.uid}'])).split(' ');
      expect(uids).toHaveLength(3);
      const during = await machineState(cluster.dataDir, uids);
      expect(during.cgroups.length).toBeGreaterThan(before.cgroups.length);
      expect(during.tables.length).toBeGreaterThan(before.tables.length);
      expect(during.processes.length).toBeGreaterThanOrEqual(4);
      expect(await cluster.end(signal)).toBe(signal === 'SIGTERM' ? 0 : null);
      expect(
        (await machineState(cluster.dataDir, uids)).processes.filter((process) => process.includes('conmon')).length,
      ).toBeGreaterThanOrEqual(3);
      const down = await cluster.slipway(['down', '--purge']);
      expect(down).toMatchObject({ code: 0 });
      expect(await machineState(cluster.dataDir, uids)).toEqual(before);
      expect(existsSync(cluster.dataDir)).toBe(false);
      expect(await cluster.slipway(['down'])).toMatchObject({ code: 0 });
    } finally {
      await cluster.remove();
    }
  });
});
