import type { ApiObject } from './api-client.ts';
import { podSpec } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();

const hardened = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const container = { name: 'c', image: 'registry.invalid/none:1' };

async function labelled(labels: Record<string, string>): Promise<string> {
  const name = await target.newNamespace();
  const named = Object.fromEntries(
    Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
  );
  const reply = await target.admin.merge(`/api/v1/namespaces/${name}`, { metadata: { labels: named } });
  expect(reply.code).toBe(200);
  return name;
}

function pod(spec: object, containerMore: object = {}) {
  return { metadata: { name: 'x' }, spec: { ...podSpec, ...spec, containers: [{ ...container, ...containerMore }] } };
}

const dryCreate = (namespace: string, body: object) =>
  target.admin.post(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, body);

describe('PodSecurity, enforced', () => {
  let baseline = '';
  let restricted = '';
  beforeAll(async () => {
    baseline = await labelled({ enforce: 'baseline' });
    restricted = await labelled({ enforce: 'restricted' });
  });

  it('says everything that the restricted level misses in an ordinary pod', async () => {
    const reply = await dryCreate(restricted, pod({}));
    expect(reply.code).toBe(403);
    expect(reply.body).toMatchObject({ reason: 'Forbidden', details: { name: 'x', kind: 'pods' } });
    expect(reply.body.message).toBe(
      'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set ' +
        'securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set ' +
        'securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set ' +
        'securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set ' +
        'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
    expect(reply.warnings).toEqual([]);
  });

  it('takes a hardened pod', async () => {
    expect((await dryCreate(restricted, pod({}, { securityContext: hardened }))).code).toBe(201);
  });

  const refusals: readonly [string, object, object, string][] = [
    [
      'namespaces of the host',
      { hostNetwork: true, hostPID: true },
      {},
      'host namespaces (hostNetwork=true, hostPID=true)',
    ],
    ['paths of the host', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }, {}, 'hostPath volumes (volume "v")'],
    [
      'ports of the host',
      {},
      { ports: [{ containerPort: 80, hostPort: 80 }] },
      'hostPort (container "c" uses hostPort 80)',
    ],
    [
      'privilege',
      {},
      { securityContext: { privileged: true } },
      'privileged (container "c" must not set securityContext.privileged=true)',
    ],
    [
      'capabilities',
      {},
      { securityContext: { capabilities: { add: ['NET_RAW', 'CHOWN', 'BPF'] } } },
      'non-default capabilities (container "c" must not include "BPF", "NET_RAW" in securityContext.capabilities.add)',
    ],
    [
      'no seccomp',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
      {},
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'SELinux users',
      { securityContext: { seLinuxOptions: { user: 'u', type: 'spc_t' } } },
      {},
      'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ],
    [
      'sysctls',
      { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } },
      {},
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      'AppArmor switched off',
      {},
      { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
      'forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")',
    ],
    [
      'probes of other hosts',
      {},
      { livenessProbe: { httpGet: { port: 80, host: '10.0.0.1' } } },
      'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")',
    ],
  ];
  it.each(refusals)('refuses %s at the level baseline', async (_, spec, more, text) => {
    const reply = await dryCreate(baseline, pod(spec, more));
    expect([reply.code, reply.body.message]).toEqual([
      403,
      `pods "x" is forbidden: violates PodSecurity "baseline:latest": ${text}`,
    ]);
  });

  it('names a volume type once, by the stricter rule', async () => {
    const volumes = ['a', 'b'].map((name) => ({ name, hostPath: { path: '/' } }));
    const reply = await dryCreate(restricted, pod({ volumes }, { securityContext: hardened }));
    expect(reply.body.message).toBe(
      'pods "x" is forbidden: violates PodSecurity "restricted:latest": restricted volume types (volumes "a", "b" use restricted volume type "hostPath")',
    );
  });

  it('looks at init containers too, and at root', async () => {
    const init = { ...container, name: 'i', securityContext: { ...hardened, runAsUser: 0 } };
    const reply = await dryCreate(restricted, pod({ initContainers: [init] }, { securityContext: hardened }));
    expect(reply.body.message).toContain('runAsUser=0 (container "i" must not set runAsUser=0)');
  });

  it('does not look again at what an update cannot make worse', async () => {
    const namespace = await target.newNamespace();
    const path = `/api/v1/namespaces/${namespace}`;
    await target.admin.made(`${path}/pods`, pod({}));
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const stricter = await target.admin.merge(path, { metadata: { labels } });
    expect(stricter.warnings).toEqual([
      `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "restricted:latest"`,
      'x: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile',
    ]);
    expect((await target.admin.merge(`${path}/pods/x`, { metadata: { labels: { a: 'b' } } })).code).toBe(200);
  });
});

describe('PodSecurity, versions', () => {
  it('holds to the rules of the version', async () => {
    const older = await labelled({ enforce: 'restricted', 'enforce-version': 'v1.21' });
    // Capabilities had to be dropped from 1.22 on, root users were refused from 1.23 on.
    const context = { ...hardened, capabilities: undefined, runAsUser: 0 };
    expect((await dryCreate(older, pod({}, { securityContext: context }))).code).toBe(201);
    const newer = await labelled({ enforce: 'restricted', 'enforce-version': 'v1.23' });
    const reply = await dryCreate(newer, pod({}, { securityContext: context }));
    expect(reply.body.message).toBe(
      'pods "x" is forbidden: violates PodSecurity "restricted:v1.23": unrestricted capabilities (container "c" must set ' +
        'securityContext.capabilities.drop=["ALL"]), runAsUser=0 (container "c" must not set runAsUser=0)',
    );
  });
});

describe('PodSecurity, warnings', () => {
  it('warns about pods and lets them in', async () => {
    const namespace = await labelled({ warn: 'baseline', 'warn-version': 'v1.30' });
    const reply = await dryCreate(namespace, pod({ hostNetwork: true }));
    expect(reply.code).toBe(201);
    expect(reply.warnings).toEqual(['would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)']);
  });

  it('warns about workloads whose pods would be refused', async () => {
    const namespace = await labelled({ enforce: 'baseline' });
    const spec = { ...podSpec, containers: [{ ...container, securityContext: { privileged: true } }] };
    const deployment = {
      metadata: { name: 'd' },
      spec: {
        replicas: 0,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec },
      },
    };
    const reply = await target.admin.post(`/apis/apps/v1/namespaces/${namespace}/deployments`, deployment);
    expect([reply.code, reply.warnings]).toEqual([
      201,
      [
        'would violate PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)',
      ],
    ]);
  });
});

describe('PodSecurity, labels', () => {
  it.each([
    ['enforce', 'strict', 'Invalid value: "strict": must be one of privileged, baseline, restricted'],
    ['warn-version', '1.30', 'Invalid value: "1.30": must be "latest" or "v1.x"'],
  ])('refuses %s=%s', async (label, value, text) => {
    const key = `pod-security.kubernetes.io/${label}`;
    const reply = await target.admin.post('/api/v1/namespaces?dryRun=All', {
      metadata: { name: 'labelled', labels: { [key]: value } },
    });
    const { code, message }: ApiObject & { code?: unknown } = reply.body;
    expect([code, message]).toEqual([422, `Namespace "labelled" is invalid: metadata.labels[${key}]: ${text}`]);
  });
});
