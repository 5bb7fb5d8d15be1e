/** Requests for certificates: who asks, who decides, what may be written where. What signs them is not under test here. */
import { execFileSync } from 'node:child_process';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import type { ApiClient, Tree } from './api-client.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const signer = 'example.com/conformance';
const clients: ApiClient[] = [];
const made: string[] = [];
let request = '';

function requestFor(subject: string): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  return execFileSync('openssl', ['req', '-new', ...key, '-subj', subject], { stdio: 'pipe' }).toString('base64');
}

const body = (spec: Tree = {}, name?: string) => ({
  metadata: name ? { name } : { generateName: 'conformance-' },
  spec: { request, signerName: signer, usages: ['client auth'], ...spec },
});

async function csr(spec: Tree = {}): Promise<string> {
  const { metadata } = await target.admin.made(path, body(spec));
  made.push(metadata.name);
  return metadata.name;
}

const approval = (type = 'Approved', more: Tree = {}) => ({
  status: { conditions: [{ type, status: 'True', reason: 'Test', message: 'by a test', ...more }] },
});
const merge = (name: string, subresource: string, patch: Tree, client = target.admin) =>
  client.patch(`${path}/${name}${subresource}`, 'merge-patch+json', patch);

describeWith(missingCapability({ programs: ['openssl'] }), 'a request for a certificate', () => {
  beforeAll(() => {
    request = requestFor('/O=devs/CN=jane');
  });
  afterAll(async () => {
    for (const name of made) await target.admin.delete(`${path}/${name}`);
    for (const client of clients) client.close();
  });

  it('says who asks, whatever the client claims', async () => {
    const name = await csr({ username: 'somebody-else', groups: ['system:masters'], uid: 'x' });
    const { spec } = (await target.admin.get(`${path}/${name}`)).body;
    const me = (await target.admin.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {})).body.status as Tree;
    expect(spec.username).toBe((me.userInfo as Tree).username);
    expect(spec.uid).not.toBe('x');
    await merge(name, '', { spec: { username: 'jane', usages: ['server auth'] } });
    expect((await target.admin.get(`${path}/${name}`)).body.spec).toEqual(spec);
  });

  it.each([
    ['no PEM', { request: Buffer.from('nonsense').toString('base64') }, 'PEM block type must be CERTIFICATE REQUEST'],
    ['no usages', { usages: [] }, 'spec.usages: Required value'],
    ['an unknown usage', { usages: ['flying'] }, 'spec.usages[0]: Unsupported value: "flying"'],
    ['a usage twice', { usages: ['client auth', 'client auth'] }, 'spec.usages[1]: Duplicate value: "client auth"'],
    ['a signer without a domain', { signerName: 'me' }, 'must be a fully qualified domain and path of the form'],
    [
      'the legacy signer',
      { signerName: 'kubernetes.io/legacy-unknown' },
      'the legacy signerName is not allowed via this API version',
    ],
    ['a short life', { expirationSeconds: 30 }, 'may not specify a duration less than 600 seconds (10 minutes)'],
  ])('with %s is refused', async (_name, spec, message) => {
    const reply = await target.admin.post(path, body(spec));
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain(message);
  });

  it('for administrators is refused by the client signer', async () => {
    const asked = {
      request: requestFor('/O=system:masters/CN=jane'),
      signerName: 'kubernetes.io/kube-apiserver-client',
    };
    const reply = await target.admin.post(path, body(asked));
    expect(reply.code).toBe(403);
    expect(reply.body.message).toContain(
      'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    );
  });

  it('is decided at its approval, once and for ever', async () => {
    const name = await csr();
    const { body: approved } = await merge(name, '/approval', approval());
    const [condition] = (approved.status as { conditions: Tree[] }).conditions;
    expect(condition).toMatchObject({ type: 'Approved', status: 'True' });
    expect(condition).toHaveProperty('lastUpdateTime');
    expect(condition).toHaveProperty('lastTransitionTime');
    const taken = await merge(name, '/approval', { status: { conditions: [] } });
    expect(taken.code).toBe(422);
    expect(taken.body.message).toContain('updates may not remove a condition of type "Approved"');
    const both = [condition, { type: 'Denied', status: 'True', reason: 'x' }];
    const denied = await merge(name, '/approval', { status: { conditions: both } });
    expect(denied.body.message).toContain('Approved and Denied conditions are mutually exclusive');
    const maybe = await merge(await csr(), '/approval', approval('Denied', { status: 'False' }));
    expect(maybe.body.message).toContain('status.conditions[0].status: Unsupported value: "False"');
  });

  it('is not decided anywhere else', async () => {
    const name = await csr();
    const byStatus = await merge(name, '/status', approval());
    expect(byStatus.code).toBe(422);
    expect(byStatus.body.message).toContain('updates may not add a condition of type "Approved"');
    await merge(name, '', approval());
    const { status = {} } = (await target.admin.get(`${path}/${name}`)).body;
    expect(status).not.toHaveProperty('conditions');
    await merge(name, '/approval', { ...approval(), ...{ status: { ...approval().status, certificate: 'eA==' } } });
    const { status: after } = (await target.admin.get(`${path}/${name}`)).body;
    expect(after).not.toHaveProperty('certificate');
  });

  it('gets a certificate and no other thing at its status', async () => {
    const name = await csr();
    const wrong = await merge(name, '/status', { status: { certificate: Buffer.from('x').toString('base64') } });
    expect(wrong.code).toBe(422);
    expect(wrong.body.message).toContain('must contain at least one CERTIFICATE PEM block');
    const pem = execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-keyout', '/dev/null', '-subj', '/CN=jane'],
    ]);
    const certificate = pem.toString('base64');
    expect((await merge(name, '/status', { status: { certificate } })).code).toBe(200);
    const again = await merge(name, '/status', { status: { certificate: null } });
    expect(again.body.message).toContain('updates may not modify existing certificate content');
  });

  it('is approved and signed by those who may for its signer', async () => {
    const accounts = `${target.core}/serviceaccounts`;
    await target.admin.post(accounts, { metadata: { name: 'officer' } });
    const { status } = (await target.admin.post(`${accounts}/officer/token`, { spec: {} })).body;
    const officer = target.anonymous.as({ token: (status as { token: string }).token });
    clients.push(officer);
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    const roleName = `officer-${target.namespace}`;
    const rule = (resources: string[], verbs: string[], names: object = {}) => ({
      apiGroups: ['certificates.k8s.io'],
      resources,
      verbs,
      ...names,
    });
    const writes = rule(
      ['certificatesigningrequests/approval', 'certificatesigningrequests/status'],
      ['update', 'patch'],
    );
    const role = await target.admin.made(`${rbac}/clusterroles`, { metadata: { name: roleName }, rules: [writes] });
    await target.admin.made(`${rbac}/clusterrolebindings`, {
      metadata: { name: roleName },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: roleName },
      subjects: [{ kind: 'ServiceAccount', name: 'officer', namespace: target.namespace }],
    });
    const name = await csr();
    const refused = await merge(name, '/approval', approval(), officer);
    expect(refused.code).toBe(403);
    expect(refused.body.message).toContain(`user not permitted to approve requests with signerName "${signer}"`);
    const failing = await merge(name, '/status', approval('Failed'), officer);
    expect(failing.body.message).toContain(`user not permitted to sign requests with signerName "${signer}"`);
    const signers = rule(['signers'], ['approve', 'sign'], { resourceNames: ['example.com/*'] });
    await target.admin.put(`${rbac}/clusterroles/${roleName}`, { ...role, rules: [writes, signers] });
    expect((await merge(name, '/approval', approval(), officer)).code).toBe(200);
    expect((await merge(name, '/status', approval('Failed'), officer)).code).toBe(422);
    await target.admin.delete(`${rbac}/clusterrolebindings/${roleName}`);
    await target.admin.delete(`${rbac}/clusterroles/${roleName}`);
  });

  it('is selected by its signer', async () => {
    const name = await csr({ signerName: 'example.com/selected' });
    const { items } = (await target.admin.get(`${path}?fieldSelector=spec.signerName=example.com/selected`)).body;
    expect(items.map(({ metadata }) => metadata.name)).toEqual([name]);
  });
});
