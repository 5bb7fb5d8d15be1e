/** The official Python client, as Debian packages it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describeWith } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { run } from '../harness/kubectl.ts';

/** Debian's own interpreter: another one on the PATH does not see Debian's packages. */
const python = '/usr/bin/python3';
const isThere = spawnSync(python, ['-c', 'import kubernetes']).status === 0;

describeWith(isThere ? undefined : 'python3-kubernetes', 'python3-kubernetes', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await newCluster({ agent: false });
    await cluster.up();
  });

  afterAll(() => cluster.remove());

  it('creates, conflicts, patches, watches, pages, scales, applies and deletes', async () => {
    const script = join(import.meta.dirname, 'python-kubernetes.py');
    const { code, stderr } = await run(python, [script, cluster.kubeconfig]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
