/** Ansible's kubernetes.core, as Debian packages it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { run } from '../harness/kubectl.ts';

const collection = '/usr/lib/python3/dist-packages/ansible_collections/kubernetes/core';
const missing =
  missingCapability({ programs: ['ansible-playbook'] }) ?? (existsSync(collection) ? undefined : 'ansible');

describeWith(missing, 'ansible', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await newCluster({ agent: false });
    await cluster.up();
  });

  afterAll(() => cluster.remove());

  it('makes, applies, scales, reads and removes, and changes nothing the second time', async () => {
    const env = {
      K8S_AUTH_KUBECONFIG: cluster.kubeconfig,
      HOME: cluster.dataDir,
      // The one that Debian's packages belong to.
      PATH: `/usr/bin:${process.env.PATH}`,
    };
    const playbook = join(import.meta.dirname, 'ansible-playbook.yaml');
    const { code, stdout, stderr } = await run('/usr/bin/ansible-playbook', [playbook], { env });
    expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  });
});
