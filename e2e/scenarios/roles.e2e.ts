/** One process per role: the parts find each other by the kubeconfig alone, and each may be stopped and started again. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { Cluster, slipwayBin } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';
import { run } from '../harness/kubectl.ts';
import { RunningProgram } from '../harness/running-program.ts';

interface Role {
  readonly process: RunningProgram;
  readonly dataDir: string;
}

async function startRole(role: string, dataDir: string, flags: readonly string[]): Promise<Role> {
  const process = new RunningProgram(slipwayBin, [role, '--data-dir', dataDir, ...flags]);
  await process.says(/ready/);
  return { process, dataDir };
}

/** What somebody needs to let another machine join: the address, the authority and a bootstrap token. */
async function joiningKubeconfig(cluster: Cluster, path: string): Promise<string> {
  const [id, secret] = ['abcdef', '0123456789abcdef'];
  const data = ['token-id', id, 'token-secret', secret, 'usage-bootstrap-authentication', 'true'];
  const literals = data.flatMap((value, i) => (i % 2 === 0 ? [`--from-literal=${value}=${data[i + 1]}`] : []));
  const type = '--type=bootstrap.kubernetes.io/token';
  await cluster.kubectl([
    '-n',
    'kube-system',
    'create',
    'secret',
    'generic',
    `bootstrap-token-${id}`,
    type,
    ...literals,
  ]);
  const config = JSON.parse(await cluster.kubectl(['config', 'view', '--raw', '-o', 'json']));
  config.users = [{ name: config.users[0].name, user: { token: `${id}.${secret}` } }];
  await writeFile(path, JSON.stringify(config));
  return path;
}

function stop({ process }: Role): Promise<number | null> {
  return process.end('SIGTERM');
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
    cluster = new Cluster(join(base, 'api'), []);
    const controllerFlags = [...kubeconfig, ...pods, '--pki-dir', join(base, 'api/pki')];
    roles.push(await startRole('controllers', join(base, 'controllers'), controllerFlags));
    roles.push(
      await startRole('agent', join(base, 'node'), [
        '--kubeconfig',
        await joiningKubeconfig(cluster, join(base, 'joining.kubeconfig')),
        '--agent-port',
        '0',
        '--node-name',
        'worker',
        ...range,
        ...pods,
      ]),
    );
    await loadExampleImage(new Cluster(join(base, 'node'), []), 'localhost/web:1');
  });

  afterAll(async () => {
    for (const role of roles.reverse()) {
      await stop(role);
      await run(slipwayBin, ['down', '--purge', '--data-dir', role.dataDir, ...range, ...pods]);
    }
    await rm(base, { recursive: true, force: true });
  });

  it('runs a deployment on the node, and reaches into it through the agent', async () => {
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

  it('knows the agent as its node, by a certificate that was asked for', async () => {
    const csrs = await cluster.kubectl(['get', 'csr']);
    expect(csrs).toMatch(/kube-apiserver-client-kubelet +system:bootstrap:abcdef +<none> +Approved,Issued/);
    await eventually('the serving certificate is asked for, approved and in use', async () => {
      expect(await cluster.kubectl(['get', 'csr'])).toMatch(
        /kubelet-serving +system:node:worker +<none> +Approved,Issued/,
      );
      expect(await cluster.kubectl(['get', 'node', 'worker', '-o', 'yaml'])).not.toContain('agent-authority');
    });
    expect(await cluster.kubectl(['exec', 'deployment/app', '--', 'echo', 'inside'])).toBe('inside\n');
    const [, , agent] = roles;
    if (!agent) throw new Error('no agent');
    const pair = (ending: string) => join(agent.dataDir, `agent-pki/client.${ending}`);
    const config = join(base, 'node.kubeconfig');
    const joining = JSON.parse(await readFile(join(base, 'joining.kubeconfig'), 'utf8'));
    joining.users[0].user = { 'client-certificate': pair('crt'), 'client-key': pair('key') };
    await writeFile(config, JSON.stringify(joining));
    expect(await cluster.kubectl(['auth', 'whoami', '--kubeconfig', config])).toContain('system:node:worker');
    await expect(cluster.kubectl(['get', 'secrets', '-A', '--kubeconfig', config])).rejects.toThrow('forbidden');
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
