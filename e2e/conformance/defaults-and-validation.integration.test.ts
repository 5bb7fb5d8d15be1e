/** Spot checks of defaults and rules, kind by kind, in the words that users know. */
import { deployment, pod, podTemplate, service } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const rbac = () => `/apis/rbac.authorization.k8s.io/v1/namespaces/${target.namespace}`;

async function refusal(path: string, body: object): Promise<string> {
  const reply = await target.admin.post(path, body);
  expect([reply.code, reply.text]).toEqual([422, expect.any(String)]);
  return reply.body.message;
}

/** Text of a refused change of an object that exists. */
async function refusedChange(path: string, patch: object): Promise<string> {
  const reply = await target.admin.merge(path, patch);
  expect([reply.code, reply.text]).toEqual([422, expect.any(String)]);
  return reply.body.message;
}

describe('a pod', () => {
  const pods = () => `${target.core}/pods`;

  it('is given defaults', async () => {
    const created = await target.admin.made(pods(), {
      metadata: { name: 'defaults' },
      spec: {
        schedulerName: 'conformance-nobody',
        containers: [{ name: 'c', image: 'example.com/i', ports: [{ containerPort: 80 }] }],
      },
    });
    expect(created.spec).toMatchObject({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: true,
      serviceAccountName: 'default',
      serviceAccount: 'default',
      securityContext: {},
      containers: [
        {
          imagePullPolicy: 'Always',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          resources: {},
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          volumeMounts: [{ mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }],
        },
      ],
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
        { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      volumes: [{ name: expect.stringMatching(/^kube-api-access-\w{5}$/), projected: { defaultMode: 420 } }],
    });
    expect(created.status).toMatchObject({ phase: 'Pending', qosClass: 'BestEffort' });
  });

  it('pulls a tagged image when it is absent', async () => {
    const created = await target.admin.made(pods(), pod('tagged'));
    expect(created.spec).toMatchObject({ containers: [{ imagePullPolicy: 'IfNotPresent' }] });
  });

  it('is given requests from limits', async () => {
    const containers = [{ name: 'c', image: 'i:1', resources: { limits: { cpu: '1000m', memory: '1Gi' } } }];
    const created = await target.admin.made(pods(), pod('limits', { containers }));
    expect(created.spec).toMatchObject({ containers: [{ resources: { requests: { cpu: '1', memory: '1Gi' } } }] });
    expect(created.status).toMatchObject({ qosClass: 'Guaranteed' });
  });

  it.each([
    [{ containers: [] }, 'spec.containers: Required value'],
    [{ containers: [{ name: 'c' }] }, 'spec.containers[0].image: Required value'],
    [{ containers: [{ image: 'i' }] }, 'spec.containers[0].name: Required value'],
    [
      { containers: [{ name: 'C', image: 'i' }] },
      'spec.containers[0].name: Invalid value: "C": a lowercase RFC 1123 label must consist of',
    ],
    [
      {
        containers: [
          { name: 'c', image: 'i' },
          { name: 'c', image: 'j' },
        ],
      },
      'spec.containers[1].name: Duplicate value: "c"',
    ],
    [
      { restartPolicy: 'Maybe' },
      'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }] },
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      { containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ],
    [
      { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 0 }] }] },
      'spec.containers[0].ports[0].containerPort: Required value',
    ],
    [
      { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 65536 }] }] },
      'spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive',
    ],
    [
      {
        containers: [{ name: 'c', image: 'i' }],
        volumes: [{ name: 'v', csi: { driver: 'd', nodePublishSecretRef: {} } }],
      },
      'spec.volumes[0].csi.nodePublishSecretRef.name: Required value',
    ],
    [
      { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'v', azureFile: { secretName: 's' } }] },
      'spec.volumes[0].azureFile.shareName: Required value',
    ],
    [
      { containers: [{ name: 'c', image: 'i', env: [{ name: '=', value: 'x' }] }] },
      'spec.containers[0].env[0].name: Invalid value: "="',
    ],
  ])('is refused with %j', async (spec, text) => {
    expect(await refusal(pods(), pod('bad', spec))).toContain(text);
  });

  it('in a bad quantity is a bad request', async () => {
    const containers = [{ name: 'c', image: 'i', resources: { limits: { cpu: 'lots' } } }];
    const reply = await target.admin.post(pods(), pod('bad', { containers }));
    expect(reply.code).toBe(400);
    expect(reply.body.message).toContain('quantities must match the regular expression');
  });

  it('changes only where it may', async () => {
    await target.admin.made(pods(), pod('fixed'));
    const at = `${pods()}/fixed`;
    const changed = await target.admin.patch(at, 'strategic-merge-patch+json', {
      spec: { containers: [{ name: 'c', image: 'other:2' }], activeDeadlineSeconds: 60 },
    });
    expect(changed.code).toBe(200);
    expect(await refusedChange(at, { spec: { nodeSelector: { a: 'b' } } })).toMatch(
      /^Pod "fixed" is invalid: spec: Forbidden: pod updates may not change fields other than /,
    );
    expect(await refusedChange(at, { spec: { containers: [] } })).toContain('spec.containers');
  });

  it('needs its service account', async () => {
    const reply = await target.admin.post(pods(), pod('orphan', { serviceAccountName: 'absent' }));
    expect(reply.code).toBe(403);
    expect(reply.body.message).toContain(
      `error looking up service account ${target.namespace}/absent: serviceaccount "absent" not found`,
    );
  });
});

describe('a deployment', () => {
  const deployments = () => `${target.apps}/deployments`;

  it('is given defaults', async () => {
    const { replicas: _, ...spec } = deployment('x') as { replicas?: number } & { spec: object };
    expect(spec).toBeDefined();
    const created = await target.admin.made(
      deployments(),
      deployment('defaults', { paused: true, replicas: undefined }),
    );
    expect(created.spec).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: { spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 30 } },
    });
  });

  it.each([
    [{ selector: undefined }, 'spec.selector: Required value'],
    [
      { template: podTemplate({ app: 'y' }) },
      'spec.template.metadata.labels: Invalid value: {"app":"y"}: `selector` does not match template `labels`',
    ],
    [{ replicas: -1 }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    [
      { strategy: { type: 'Big' } },
      'spec.strategy.type: Unsupported value: "Big": supported values: "Recreate", "RollingUpdate"',
    ],
    [
      { strategy: { type: 'Recreate', rollingUpdate: {} } },
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
    [
      { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    ],
    [
      {
        template: {
          ...podTemplate({ app: 'x' }),
          spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] },
        },
      },
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
  ])('is refused with %j', async (spec, text) => {
    expect(await refusal(deployments(), deployment('bad', spec))).toContain(text);
  });

  it('keeps its selector', async () => {
    await target.admin.made(deployments(), deployment('selector'));
    const text = await refusedChange(`${deployments()}/selector`, {
      spec: { selector: { matchLabels: { b: 'c' } }, template: { metadata: { labels: { b: 'c' } } } },
    });
    expect(text).toMatch(/spec\.selector: Invalid value: .+: field is immutable/);
  });
});

describe('a service', () => {
  const services = () => `${target.core}/services`;

  it('is given defaults', async () => {
    const created = await target.admin.made(services(), service('defaults', { selector: { a: 'b' } }));
    expect(created.spec).toMatchObject({
      type: 'ClusterIP',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ipFamilies: [expect.stringMatching(/^IPv[46]$/)],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    });
    expect(created.spec.clusterIPs).toEqual([created.spec.clusterIP]);
  });

  it.each([
    [{ ports: undefined }, 'spec.ports: Required value'],
    [{ ports: [{ port: 0 }] }, 'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
    [{ ports: [{ port: 80 }, { port: 81 }] }, 'spec.ports[0].name: Required value'],
    [{ type: 'Public' }, 'spec.type: Unsupported value: "Public"'],
    [{ sessionAffinity: 'Some' }, 'spec.sessionAffinity: Unsupported value: "Some"'],
    [{ type: 'ExternalName' }, 'spec.externalName: Required value'],
    [{ ports: [{ port: 80, protocol: 'ICMP' }] }, 'spec.ports[0].protocol: Unsupported value: "ICMP"'],
  ])('is refused with %j', async (spec, text) => {
    expect(await refusal(services(), service('bad', spec))).toContain(text);
  });

  it('has a name that begins with a letter', async () => {
    expect(await refusal(services(), service('a.b'))).toContain(
      'metadata.name: Invalid value: "a.b": a DNS-1035 label must consist of',
    );
  });
});

describe('config', () => {
  it('has keys that can be files', async () => {
    expect(await refusal(`${target.core}/configmaps`, { metadata: { name: 'bad' }, data: { 'a b': '' } })).toBe(
      'ConfigMap "bad" is invalid: data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric ' +
        "characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
    expect(
      await refusal(`${target.core}/configmaps`, { metadata: { name: 'bad' }, data: { k: 'x'.repeat(1_048_577) } }),
    ).toContain('Too long: may not be more than 1048576 bytes');
  });

  it('that is immutable stays so', async () => {
    const path = `${target.core}/configmaps`;
    await target.admin.made(path, { metadata: { name: 'frozen' }, data: { k: 'v' }, immutable: true });
    const text = await refusedChange(`${path}/frozen`, { data: { k: 'w' } });
    expect(text).toContain('data: Forbidden: field is immutable when `immutable` is set');
    expect(await refusedChange(`${path}/frozen`, { immutable: false })).toContain(
      'immutable: Forbidden: field is immutable when `immutable` is set',
    );
  });

  it('that is secret has a type', async () => {
    const path = `${target.core}/secrets`;
    const opaque = await target.admin.made(path, { metadata: { name: 'opaque' }, stringData: { k: 'v' } });
    expect(opaque).toMatchObject({ type: 'Opaque', data: { k: 'dg==' } });
    expect(opaque.stringData).toBeUndefined();
    expect(await refusedChange(`${path}/opaque`, { type: 'other' })).toContain(
      'type: Invalid value: "other": field is immutable',
    );
    expect(await refusal(path, { metadata: { name: 'tls' }, type: 'kubernetes.io/tls', data: {} })).toContain(
      'data[tls.crt]: Required value',
    );
    expect(await refusal(path, { metadata: { name: 'token' }, type: 'kubernetes.io/service-account-token' })).toContain(
      'metadata.annotations[kubernetes.io/service-account.name]: Required value',
    );
    const bad = await target.admin.post(path, { metadata: { name: 'bad' }, data: { k: 'nonsense!' } });
    expect(bad.code).toBe(400);
    expect(bad.body.message).toBe(
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 8',
    );
  });
});

describe('a role', () => {
  it('has whole rules', async () => {
    const roles = `${rbac()}/roles`;
    const rule = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
    const role = (rules: object[]) => ({ metadata: { name: 'bad' }, rules });
    expect(await refusal(roles, role([{ ...rule, verbs: [] }]))).toContain(
      'rules[0].verbs: Required value: verbs must contain at least one value',
    );
    expect(await refusal(roles, role([{ ...rule, apiGroups: undefined }]))).toContain(
      'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
    );
    expect(await refusal(roles, role([{ nonResourceURLs: ['/x'], verbs: ['get'] }]))).toContain(
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    );
  });

  it('is bound for good', async () => {
    const bindings = `${rbac()}/rolebindings`;
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' };
    await target.admin.made(bindings, { metadata: { name: 'fixed' }, roleRef });
    expect(await refusedChange(`${bindings}/fixed`, { roleRef: { name: 'b' } })).toMatch(
      /roleRef: Invalid value: .+: cannot change roleRef/,
    );
    const subjects = [{ kind: 'ServiceAccount', name: 'x' }];
    const everywhere = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
    const clusterRef = { ...roleRef, kind: 'ClusterRole' };
    expect(await refusal(everywhere, { metadata: { name: 'bad' }, roleRef: clusterRef, subjects })).toContain(
      'subjects[0].namespace: Required value',
    );
    expect(await refusal(bindings, { metadata: { name: 'bad' }, roleRef: { ...roleRef, kind: 'Thing' } })).toContain(
      'roleRef.kind: Unsupported value: "Thing": supported values: "Role", "ClusterRole"',
    );
  });
});

describe('others', () => {
  it('have rules too', async () => {
    const slices = `/apis/discovery.k8s.io/v1/namespaces/${target.namespace}/endpointslices`;
    const slice = (more: object) => ({ metadata: { name: 'bad' }, addressType: 'IPv4', endpoints: [], ...more });
    expect(await refusal(slices, slice({ addressType: 'Carrier' }))).toContain(
      'addressType: Unsupported value: "Carrier"',
    );
    expect(await refusal(slices, slice({ endpoints: [{ addresses: ['x'] }] }))).toContain(
      'endpoints[0].addresses[0]: Invalid value: "x": must be a valid IPv4 address',
    );
    await target.admin.made(slices, { ...slice({}), metadata: { name: 'fixed' } });
    expect(await refusedChange(`${slices}/fixed`, { addressType: 'IPv6' })).toContain(
      'addressType: Invalid value: "IPv6": field is immutable',
    );
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${target.namespace}/leases`;
    expect(await refusal(leases, { metadata: { name: 'bad' }, spec: { leaseDurationSeconds: 0 } })).toContain(
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    );
    const event = { metadata: { name: 'bad' }, involvedObject: { namespace: 'other' }, reason: 'x' };
    expect(await refusal(`${target.core}/events`, event)).toContain(
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    );
    expect(await refusal('/api/v1/namespaces', { metadata: { name: 'a_b' } })).toContain(
      'metadata.name: Invalid value: "a_b": a lowercase RFC 1123 label must consist of',
    );
  });
});
