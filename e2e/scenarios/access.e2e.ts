/** Who may do what, as people ask and grant it with kubectl, with the oldest and the newest one at hand. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { kubectlEnds, type Ran } from '../harness/kubectl.ts';

const missing = missingCapability({ programs: ['kubectl', 'openssl'] });

describeWith(missing, 'kubectl on access', () => {
  let cluster: Cluster;
  let nobody: string;

  beforeAll(async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'slipway-access-'));
    const tokens = join(dataDir, 'tokens.csv');
    await writeFile(tokens, 'sesame,ali,42,"thieves,forty"\n');
    cluster = await newCluster({ agent: false, dataDir, flags: ['--token-auth-file', tokens] });
    await cluster.up();
    nobody = join(dataDir, 'nobody.kubeconfig');
    const config = JSON.parse(await cluster.kubectl(['config', 'view', '--raw', '-o', 'json']));
    config.users = [{ name: config.users[0].name, user: {} }];
    await writeFile(nobody, JSON.stringify(config));
  });

  afterAll(() => cluster.remove());

  describe.each(kubectlEnds().map((path) => [path.split('/').at(-1) ?? path, path]))('%s', (label, program) => {
    const suffix = label.replaceAll('.', '-');
    const namespace = `access-${suffix}`;
    const raw = (args: string[], input?: string): Promise<Ran> =>
      cluster.kubectlWith(program, ['-n', namespace, ...args], input === undefined ? {} : { input });
    const kubectl = async (args: string[], input?: string): Promise<string> => {
      const ran = await raw(args, input);
      if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
      return ran.stdout;
    };
    const canI = async (...args: string[]) => (await raw(['auth', 'can-i', ...args])).stdout.trim();
    const as = (user: string) => ['--as', user];
    /** Without any identity but the one that is shown. */
    const shown = (...identity: string[]) => ['--kubeconfig', nobody, ...identity];
    const withToken = (token: string) => shown('--token', token);
    /** Kubectl before 1.28 asks for a beta of this. */
    const whoami = (...args: string[]) => cluster.kubectl(['auth', 'whoami', ...args]);

    beforeAll(async () => {
      await kubectl(['create', 'namespace', namespace]);
      await eventually('the default service account', () => kubectl(['get', 'serviceaccount', 'default']));
    });

    it('answers who one is', async () => {
      expect(await whoami()).toMatch(/Username +kubernetes-admin\n/);
      const other = await whoami(...as('jane'), '--as-group', 'devs', '--as-uid', '7');
      expect(other).toMatch(/Username +jane\n/);
      expect(other).toMatch(/UID +7\n/);
      expect(other).toContain('[devs system:authenticated]');
      const account = `system:serviceaccount:${namespace}:default`;
      expect(await whoami(...as(account))).toContain(`system:serviceaccounts:${namespace}`);
    });

    it('answers what one may', async () => {
      expect(await canI('create', 'deployments')).toBe('yes');
      expect(await canI('create', 'deployments', ...as('jane'))).toBe('no');
      await kubectl(['create', 'rolebinding', 'jane', '--clusterrole=view', '--user=jane']);
      expect(await canI('list', 'pods', ...as('jane'))).toBe('yes');
      expect(await canI('list', 'pods', '-A', ...as('jane'))).toBe('no');
      expect(await canI('get', 'secrets', ...as('jane'))).toBe('no');
      expect(await canI('get', 'pods/log', ...as('jane'))).toBe('yes');
      expect(await canI('get', '/metrics', ...as('jane'))).toBe('no');
      expect(await canI('get', '/version', ...as('jane'))).toBe('yes');
      const list = await kubectl(['auth', 'can-i', '--list', ...as('jane')]);
      expect(list).toMatch(/configmaps +\[\] +\[\] +\[get list watch\]/);
      expect(list).not.toContain('secrets');
    });

    it('gives nobody more than the giver has', async () => {
      await kubectl(['create', 'rolebinding', 'joe', '--clusterrole=admin', '--user=joe']);
      await kubectl(['create', 'role', 'reader', '--verb=get', '--resource=pods', ...as('joe')]);
      const { code, stderr } = await raw(['create', 'role', 'x', '--verb=get', '--resource=nodes', ...as('joe')]);
      expect(code).toBe(1);
      expect(stderr).toContain(
        'is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}',
      );
      const bound = await raw([
        'create',
        'rolebinding',
        'x',
        '--clusterrole=cluster-admin',
        '--user=joe',
        ...as('joe'),
      ]);
      expect(bound.stderr).toContain('is attempting to grant RBAC permissions not currently held');
      const absent = await raw(['create', 'rolebinding', 'x', '--role=nothing', '--user=joe', ...as('joe')]);
      expect(absent.stderr).toContain('roles.rbac.authorization.k8s.io "nothing" not found');
    });

    it('collects labelled roles into the common ones', async () => {
      const role = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: boats-${suffix}
  labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}
rules: [{apiGroups: [boats.example.com], resources: [boats-${suffix}], verbs: [get]}]
`;
      await kubectl(['apply', '-f', '-'], role);
      await eventually('view to cover boats', async () => {
        expect(await kubectl(['get', 'clusterrole', 'edit', '-o', 'yaml'])).toContain(`boats-${suffix}`);
        expect(await kubectl(['get', 'clusterrole', 'admin', '-o', 'yaml'])).toContain(`boats-${suffix}`);
      });
      await kubectl(['delete', 'clusterrole', `boats-${suffix}`]);
      await eventually('view to forget boats', async () => {
        expect(await kubectl(['get', 'clusterrole', 'view', '-o', 'yaml'])).not.toContain(`boats-${suffix}`);
      });
    });

    it('reconciles roles', async () => {
      const role = (verbs: string) => `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: kept, namespace: ${namespace}}
rules: [{apiGroups: [""], resources: [pods], verbs: [${verbs}]}]
`;
      await kubectl(['auth', 'reconcile', '-f', '-'], role('get'));
      expect(await kubectl(['auth', 'reconcile', '-f', '-'], role('list'))).toContain('kept reconciled');
      const rules = await kubectl(['get', 'role', 'kept', '-o', 'jsonpath={.rules[*].verbs}']);
      expect(rules).toContain('get');
      expect(rules).toContain('list');
    });

    it('hands out tokens', async () => {
      const token = (await kubectl(['create', 'token', 'default', '--duration=20m'])).trim();
      expect(await whoami(...withToken(token))).toContain(`system:serviceaccount:${namespace}:default`);
      const secret = `apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata: {name: lasting, annotations: {kubernetes.io/service-account.name: default}}
`;
      await kubectl(['create', '-f', '-'], secret);
      await eventually('the secret to be filled', async () => {
        const data = await kubectl(['get', 'secret', 'lasting', '-o', 'jsonpath={.data.token}']);
        expect(data).not.toBe('');
        const lasting = Buffer.from(data, 'base64').toString();
        expect(await whoami(...withToken(lasting))).toContain(`${namespace}:default`);
      });
    });

    it('knows the tokens of a file', async () => {
      expect(await whoami(...withToken('sesame'))).toContain('[thieves forty system:authenticated]');
      expect((await raw(['get', 'pods', ...withToken('open')])).stderr).toContain('Unauthorized');
    });

    it('approves, signs and denies certificates', async () => {
      const name = `jane-${suffix}`;
      const key = join(cluster.dataDir, `${name}.key`);
      const request = execFileSync(
        'openssl',
        ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-subj', `/O=sailors/CN=${name}`],
        { stdio: 'pipe' },
      ).toString('base64');
      const csr = (csrName: string) => `apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ${csrName}}
spec:
  request: ${request}
  signerName: kubernetes.io/kube-apiserver-client
  expirationSeconds: 86400
  usages: [client auth]
`;
      await kubectl(['create', '-f', '-'], csr(name));
      expect(await kubectl(['get', 'csr', name])).toMatch(/kube-apiserver-client +kubernetes-admin +24h +Pending/);
      expect(await kubectl(['certificate', 'approve', name])).toContain('approved');
      const certificate = join(cluster.dataDir, `${name}.crt`);
      await eventually('the certificate', async () => {
        const data = await kubectl(['get', 'csr', name, '-o', 'jsonpath={.status.certificate}']);
        expect(data).not.toBe('');
        await writeFile(certificate, Buffer.from(data, 'base64'));
      });
      expect(await kubectl(['get', 'csr', name])).toContain('Approved,Issued');
      const own = shown(`--client-certificate=${certificate}`, `--client-key=${key}`);
      expect(await whoami(...own)).toContain('[sailors system:authenticated]');
      await kubectl(['create', '-f', '-'], csr(`${name}-2`));
      expect(await kubectl(['certificate', 'deny', `${name}-2`])).toContain('denied');
      expect(await kubectl(['get', 'csr', `${name}-2`])).toContain('Denied');
    });
  });
});
