/** One process per role: the parts find each other by the kubeconfig alone, and each may be stopped and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { Cluster, slipwayBin } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';
import { run } from '../harness/kubectl.ts';

interface Role {
  readonly process: ChildProcess;
  readonly dataDir: string;
}

async function startRole(role: string, dataDir: string, flags: readonly string[]): Promise<Role> {
  const child = spawn(slipwayBin, [role, '--data-dir', dataDir, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  await eventually(`${role} to be ready`, async () => {
    if (child.exitCode !== null || !output.includes('ready')) throw new Error(`${output}\n${errors.slice(-2000)}`);
  });
  return { process: child, dataDir };
}

function stop({ process: child }: Role): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return ended;
}

describeWith(missingCapability(containerNeeds), 'one process per role', () => {
  const roles: Role[] = [];
  let base: string;
  let cluster: Cluster;
  const range = ['--service-cluster-ip-range', '172.29.240.0/24'];
  const pods = ['--cluster-cidr', '10.241.0.0/16'];

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'slipway-roles-'));
    const kubeconfig = ['--kubeconfig', join(base, 'api/admin.kubeconfig')];
    roles.push(await startRole('apiserver', join(base, 'api'), ['--secure-port', '0', ...range]));
    roles.push(await startRole('controllers', join(base, 'controllers'), [...kubeconfig, ...pods]));
    roles.push(
      await startRole('agent', join(base, 'node'), [
        ...kubeconfig,
        '--agent-port',
        '0',
        '--node-name',
        'worker',
        ...range,
        ...pods,
      ]),
    );
    cluster = new Cluster(join(base, 'api'), []);
    await loadExampleImage(new Cluster(join(base, 'node'), []), 'localhost/web:1');
  });

  afterAll(async () => {
    for (const role of roles.reverse()) {
      await stop(role);
      await run(slipwayBin, ['down', '--purge', '--data-dir', role.dataDir, ...range, ...pods]);
    }
    await rm(base, { recursive: true, force: true });
  });

  it('runs a deployment on the node, and reaches into it through an agent with its own authority', async () => {
    await cluster.kubectl([
      'create',
      'deployment',
      'app',
      '--image=localhost/web:1',
      '--replicas=2',
      '--',
      'sleep',
      '3600',
    ]);
    await cluster.kubectl(['rollout', 'status', 'deployment/app', '--timeout=60s']);
    expect(await cluster.kubectl(['exec', 'deployment/app', '--', 'echo', 'inside'])).toBe('inside\n');
    expect(await cluster.kubectl(['get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}'])).toBe('worker worker');
  });

  it('goes on when the controllers come back', async () => {
    const [, controllers] = roles;
    if (!controllers) throw new Error('no controllers');
    expect(await stop(controllers)).toBe(0);
    await cluster.kubectl(['scale', 'deployment/app', '--replicas=3']);
    roles[1] = await startRole('controllers', controllers.dataDir, ['--kubeconfig', cluster.kubeconfig, ...pods]);
    await cluster.kubectl(['rollout', 'status', 'deployment/app', '--timeout=60s']);
    expect(await cluster.kubectl(['get', 'deployment', 'app'])).toMatch(/app +3\/3 /);
  });
});
