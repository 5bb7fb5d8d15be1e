/** The README's first application: applied, used through its service and by name, updated while it is used, deleted. */
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { kubectlEnds } from '../harness/kubectl.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';
import { fetchText } from '../harness/load.ts';
import { repositoryRoot } from '../tidy/sources.ts';

const example = (file: string) => join(repositoryRoot, 'examples/web', file);

describeWith(missingCapability(containerNeeds), 'the first application', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await newCluster();
    await cluster.up();
    await loadExampleImage(cluster, 'localhost/web:1');
    await loadExampleImage(cluster, 'localhost/web:2');
  });

  afterAll(() => cluster.remove());

  it('runs three replicas behind one address', async () => {
    await cluster.kubectl(['apply', '-f', example('web.yaml')]);
    expect(await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'])).toContain(
      'successfully rolled out',
    );
    expect(await cluster.kubectl(['get', 'deployment', 'web'])).toMatch(/web +3\/3 +3 +3 /);
    const address = await cluster.kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
    await eventually('the service to answer', async () =>
      expect(await fetchText(`http://${address}/`)).toBe('Hello from Slipway.\n'),
    );
  });

  it('is described with its endpoints, by kubectl of every age', async () => {
    for (const program of kubectlEnds()) {
      const { stdout } = await cluster.kubectlWith(program, ['describe', 'service', 'web']);
      expect(stdout).toMatch(/Endpoints: +(\d+\.\d+\.\d+\.\d+:8080,?){3}/);
    }
    const listed = ['get', 'endpoints', 'web', '-o', 'jsonpath={.subsets[0].addresses[*].targetRef.kind}'];
    expect(await cluster.kubectl(listed)).toBe('Pod Pod Pod');
  });

  it('is found by name from another pod', async () => {
    const said = await cluster.kubectl([
      'run',
      'client',
      '--image=localhost/web:1',
      '--restart=Never',
      '--rm',
      '-i',
      '--quiet',
      '--command',
      '--',
      'wget',
      '-qO-',
      'http://web.default.svc.cluster.local/',
    ]); // prettier-ignore
    expect(said).toContain('Hello from Slipway.');
  });

  it('reaches the API server by the name of its service', async () => {
    const probe = ['sh', '-c', 'nc -w 5 kubernetes.default.svc 443 </dev/null && echo reached'];
    expect(await cluster.kubectl(['exec', 'deployment/web', '--', ...probe])).toContain('reached');
  });

  it('is updated without a failed request, and rolled back', async () => {
    const address = await cluster.kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
    let failures = 0;
    let requests = 0;
    let updating = true;
    const load = (async () => {
      while (updating) {
        requests++;
        await fetchText(`http://${address}/`).catch(() => failures++);
      }
    })();
    await cluster.kubectl(['apply', '-f', example('web-v2.yaml')]);
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    updating = false;
    await load;
    expect(requests).toBeGreaterThan(10);
    expect(failures).toBe(0);
    expect(await cluster.kubectl(['rollout', 'history', 'deployment/web'])).toMatch(/^1 .*\n2 /m);
    await cluster.kubectl(['rollout', 'undo', 'deployment/web']);
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
    expect(
      await cluster.kubectl(['get', 'deployment', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].image}']),
    ).toBe('localhost/web:1');
  });

  it('takes a new page from its config map without a restart', async () => {
    const page = '{"data":{"index.html":"A new page.\\n"}}';
    await cluster.kubectl(['patch', 'configmap', 'web-page', '--type=merge', '-p', page]);
    const address = await cluster.kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}']);
    await eventually(
      'the new page',
      async () => expect(await fetchText(`http://${address}/`)).toBe('A new page.\n'),
      90_000,
    );
  });

  it('replaces a pod that is deleted, and goes without a trace', async () => {
    const [first] = await eventually('the pods of the last rollout alone', async () => {
      const pods = (await cluster.kubectl(['get', 'pods', '-l', 'app=web', '-o', 'name'])).trim().split('\n');
      expect(pods).toHaveLength(3);
      return pods;
    });
    await cluster.kubectl(['delete', first ?? '', '--wait']);
    await cluster.kubectl(['wait', '--for=condition=Available', 'deployment/web', '--timeout=60s']);
    await cluster.kubectl(['delete', '-f', example('web.yaml')]);
    await eventually('no pods', async () => expect(await cluster.kubectl(['get', 'pods', '-o', 'name'])).toBe(''));
  });
});
