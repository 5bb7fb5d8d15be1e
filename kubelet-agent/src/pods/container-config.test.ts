import fc from 'fast-check';
import { containersAnnotation } from '@slipway/api/container-terms';
import { ulimitBounds } from '../node/own-ulimits.ts';
import { logLimits } from '../server/log-rotation.ts';
import { loweredUlimits } from './runtime-terms.ts';
import type { Container, Pod, Service } from '@slipway/api/types';
import type { Image } from '../runtime/cri.ts';
import { volumeLayout } from '../volumes/volume-layout.ts';
import { admitPod } from './admit-pod.ts';
import { containerConfig } from './container-config.ts';
import { containerEnvironment, type EnvironmentSources } from './container-environment.ts';
import { containerResources, podResources, qosClassOf } from './container-resources.ts';
import { parseResolvConf, podDnsConfig } from './dns-config.ts';
import { expandVariables } from './expand-variables.ts';
import { hostsFile, podHostname } from './hosts-file.ts';
import { pullCredentials, registryOf } from './pull-credentials.ts';
import { podCgroup, sandboxConfig } from './sandbox-config.ts';
import { serviceEnvironment } from './service-environment.ts';
import { aContainer, aPod } from './testing/a-pod.ts';

const image: Image = { id: 'sha256:1', repoTags: [], repoDigests: [], size: 1, username: '', uid: 1000, pinned: false };

describe('expandVariables', () => {
  const lookup = (name: string) =>
    new Map([
      ['A', 'x'],
      ['B', '$(A)'],
    ]).get(name);
  it.each([
    ['$(A)', 'x'],
    ['a$(A)b$(A)', 'axbx'],
    ['$(B)', '$(A)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$x'],
    ['$(NONE)', '$(NONE)'],
    ['$A $ $', '$A $ $'],
    ['$(A', '$(A'],
    ['', ''],
  ])('makes of %p %p', (text, expanded) => expect(expandVariables(text, lookup)).toBe(expanded));
  it('leaves text without dollars alone', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => expandVariables(text.replaceAll('$', ''), lookup) === text.replaceAll('$', ''),
      ),
    );
  });
});

describe('containerEnvironment', () => {
  const sources: EnvironmentSources = {
    configMap: (name) =>
      name === 'm'
        ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'ns' }, data: { K: 'v', 'bad=key': '1' } }
        : undefined,
    secret: (name) =>
      name === 's' ? { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: { K: 'c2VjcmV0' } } : undefined,
  };
  const facts = (pod: Pod) => ({
    pod,
    podIps: ['10.64.0.2'],
    hostIps: ['192.0.2.1'],
    allocatable: { cpu: '2', memory: '1Gi' },
  });
  const environment = (more: Partial<Container>, service: [string, string][] = []) => {
    const container = aContainer('c', more);
    const pod = aPod({ spec: { nodeName: 'n', containers: [container] }, metadata: { labels: { app: 'web' } } });
    return containerEnvironment({ container, facts: facts(pod), sources, serviceVariables: new Map(service) });
  };
  const values = (more: Partial<Container>, service: [string, string][] = []) =>
    Object.fromEntries(environment(more, service).variables);

  it('expands what stands before, services too, and overrides in order', () => {
    const env = [
      { name: 'A', value: '1' },
      { name: 'B', value: '$(A)-$(DB_PORT)-$(C)' },
      { name: 'C', value: '3' },
      { name: 'A', value: '$(A)2' },
    ];
    expect(
      values({ env }, [
        ['DB_PORT', '5432'],
        ['C', 'weak'],
      ]),
    ).toEqual({ A: '12', B: '1-5432-weak', C: '3', DB_PORT: '5432' });
  });

  it('reads fields and resources', () => {
    const env = [
      { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      { name: 'REQUEST', valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } } },
    ];
    const resources = { requests: { cpu: '250m' }, limits: { cpu: '1500m' } };
    expect(values({ env, resources })).toEqual({
      NAME: 'p',
      APP: 'web',
      IP: '10.64.0.2',
      CPU: '2',
      MEMORY: '1024',
      REQUEST: '250',
    });
  });

  it('takes whole sources with a prefix and says what it left out', () => {
    const { variables, skipped } = environment({
      envFrom: [{ prefix: 'X_', configMapRef: { name: 'm' } }, { secretRef: { name: 's' } }],
    });
    expect(Object.fromEntries(variables)).toEqual({ X_K: 'v', K: 'secret' });
    expect(skipped).toEqual([{ source: 'configmap ns/m', names: ['X_bad=key'] }]);
  });

  it.each<[Partial<Container>, string]>([
    [{ envFrom: [{ configMapRef: { name: 'x' } }] }, 'configmap "x" not found'],
    [{ envFrom: [{ secretRef: { name: 'x' } }] }, 'secret "x" not found'],
    [{ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'x', key: 'k' } } }] }, 'configmap "x" not found'],
    [
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'm', key: 'k' } } }] },
      "couldn't find key k in ConfigMap ns/m",
    ],
    [
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
      "couldn't find key k in Secret ns/s",
    ],
  ])('fails by %j', (more, message) => expect(() => environment(more)).toThrow(message));

  it('does without what is optional', () => {
    const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 'x', key: 'k', optional: true } } }];
    expect(values({ env, envFrom: [{ configMapRef: { name: 'x', optional: true } }] })).toEqual({});
  });
});

describe('serviceEnvironment', () => {
  const service = (name: string, namespace: string, clusterIP = '10.96.0.5'): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP, ports: [{ name: 'web', port: 80, protocol: 'TCP' }] },
  });
  const all = [
    service('my-db', 'ns'),
    service('other', 'else'),
    service('headless', 'ns', 'None'),
    service('kubernetes', 'default', '10.96.0.1'),
  ];

  it('tells about services of the namespace and the API', () => {
    const variables = Object.fromEntries(serviceEnvironment(all, { namespace: 'ns', enableServiceLinks: true }));
    expect(variables).toMatchObject({
      MY_DB_SERVICE_HOST: '10.96.0.5',
      MY_DB_SERVICE_PORT: '80',
      MY_DB_SERVICE_PORT_WEB: '80',
      MY_DB_PORT: 'tcp://10.96.0.5:80',
      MY_DB_PORT_80_TCP: 'tcp://10.96.0.5:80',
      MY_DB_PORT_80_TCP_PROTO: 'tcp',
      MY_DB_PORT_80_TCP_PORT: '80',
      MY_DB_PORT_80_TCP_ADDR: '10.96.0.5',
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
    });
    expect(Object.keys(variables).some((name) => /^(OTHER|HEADLESS)/.test(name))).toBe(false);
  });

  it('tells about the API alone without service links', () => {
    const names = [...serviceEnvironment(all, { namespace: 'ns', enableServiceLinks: false }).keys()];
    expect(names.every((name) => name.startsWith('KUBERNETES_'))).toBe(true);
  });
});

describe('containerConfig', () => {
  const config = (container: Container, pod: Pod = aPod({ spec: { containers: [container] } }), made = image) =>
    containerConfig({
      pod,
      container,
      attempt: 2,
      backoffMs: 20_000,
      image: made,
      variables: new Map([['A', 'x']]),
      mounts: [],
      memoryCapacityBytes: 2 ** 30,
      seccompRoot: '/seccomp',
      ulimitBounds: {},
    });

  it('expands command and arguments and carries what a restart must know', () => {
    expect(config(aContainer('c', { command: ['sh', '$(A)'], args: ['$(B)'] }))).toMatchObject({
      command: ['sh', 'x'],
      args: ['$(B)'],
      image: { image: 'sha256:1', userSpecifiedImage: 'c:1' },
      logPath: 'c/2.log',
      metadata: { name: 'c', attempt: 2 },
      annotations: { 'slipway.dev/restart-backoff-ms': '20000', 'slipway.dev/image': 'c:1' },
      labels: { 'io.kubernetes.pod.uid': 'uid-1', 'io.kubernetes.container.name': 'c' },
    });
  });

  it('carries what the annotation says of a container, within what the node can raise', () => {
    const terms = {
      user: 'app:staff',
      init: true,
      ulimits: [
        { name: 'nofile', soft: 100, hard: 5000 },
        { name: 'memlock', soft: -1, hard: -1 },
      ],
      devices: [{ hostPath: '/dev/fuse' }],
      tmpfs: [{ path: '/run', sizeBytes: 4096, options: ['exec'] }],
      network: 'none',
      ipc: 'private',
      swapLimitBytes: 1024,
      log: { maxSizeBytes: 2048, maxFiles: 2 },
      labels: { team: 'shop', 'io.kubernetes.pod.uid': 'another' },
    } as const;
    const container = aContainer('c', { resources: { limits: { memory: '1Ki' } }, securityContext: { runAsUser: 5 } });
    const annotations = { [containersAnnotation]: JSON.stringify({ c: terms }) };
    const pod = aPod({ metadata: { annotations }, spec: { containers: [container] } });
    const made = containerConfig({
      pod,
      container,
      attempt: 0,
      backoffMs: 0,
      image,
      variables: new Map(),
      mounts: [],
      memoryCapacityBytes: 2 ** 30,
      seccompRoot: '/seccomp',
      ulimitBounds: { nofile: 1000, memlock: 65_536 },
    });
    expect(made).toMatchObject({
      devices: [{ hostPath: '/dev/fuse', containerPath: '/dev/fuse', permissions: 'rwm' }],
      labels: { team: 'shop', 'io.kubernetes.pod.uid': 'uid-1' },
      annotations: { 'slipway.dev/log-max-size-bytes': '2048', 'slipway.dev/log-max-files': '2' },
      linux: {
        resources: { memoryLimitInBytes: 1024, memorySwapLimitInBytes: 2048 },
        securityContext: { runAsUsername: 'app:staff', namespaceOptions: { network: 'CONTAINER', ipc: 'CONTAINER' } },
        beyondCri: {
          init: true,
          rlimits: [
            { name: 'nofile', soft: 100, hard: 1000 },
            { name: 'memlock', soft: 65_536, hard: 65_536 },
          ],
          tmpfs: [{ containerPath: '/run', options: ['nosuid', 'nodev', 'noexec', 'exec', 'size=4096'] }],
        },
      },
    });
    expect(made.linux.securityContext.runAsUser).toBeUndefined();
    expect(loweredUlimits(terms, { nofile: 1000, memlock: 65_536 })).toEqual([
      'nofile 5000 (at most 1000 here)',
      'memlock unlimited (at most 65536 here)',
    ]);
    expect(logLimits(made.annotations)).toEqual({ fileBytesMax: 2048, filesMax: 2 });
  });

  it('knows what an agent without CAP_SYS_RESOURCE cannot raise', () => {
    const limits =
      'Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files     \nMax core file size        0                    unlimited            bytes     \n';
    expect(ulimitBounds(limits, 'CapEff:\t000001fffeffffff\n')).toEqual({ nofile: 4096 });
    expect(ulimitBounds(limits, 'CapEff:\t000001ffffffffff\n')).toEqual({});
  });

  it('puts the container before the pod in its security context', () => {
    const container = aContainer('c', {
      securityContext: { runAsUser: 5, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    });
    const pod = aPod({
      spec: {
        containers: [container],
        shareProcessNamespace: true,
        securityContext: {
          runAsUser: 1,
          runAsGroup: 2,
          fsGroup: 3,
          supplementalGroups: [4],
          seccompProfile: { type: 'Localhost', localhostProfile: '../../x.json' },
        },
      },
    });
    expect(config(container, pod).linux.securityContext).toMatchObject({
      runAsUser: 5,
      runAsGroup: 2,
      supplementalGroups: [4, 3],
      noNewPrivs: true,
      capabilities: { dropCapabilities: ['ALL'] },
      namespaceOptions: { network: 'POD', pid: 'POD', ipc: 'POD' },
      seccomp: { profileType: 'Localhost', localhostRef: '/seccomp/x.json' },
    });
  });

  it.each<[Partial<Image>, Container['securityContext'], string]>([
    [{ uid: 0 }, {}, 'container has runAsNonRoot and image will run as root (pod: "p_ns(uid-1)", container: c)'],
    [{}, { runAsUser: 0 }, `container's runAsUser breaks non-root policy (pod: "p_ns(uid-1)", container: c)`],
    [
      { username: 'app', uid: undefined },
      {},
      'container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root',
    ],
  ])('refuses root where it is not wanted: %j', (more, own, message) => {
    const container = aContainer('c', { securityContext: { runAsNonRoot: true, ...own } });
    expect(() => config(container, undefined, { ...image, ...more })).toThrow(message);
  });
});

describe('resources', () => {
  const pod = (requests: Record<string, string>, limits: Record<string, string>) =>
    aPod({ spec: { containers: [aContainer('c', { resources: { requests, limits } })] } });
  const of = (each: Pod) => containerResources(each.spec.containers[0] as Container, each, 1000 * 2 ** 20);

  it.each([
    [{}, {}, 'BestEffort', { cpuShares: 2, oomScoreAdj: 1000, unified: { 'memory.oom.group': '1' } }],
    [{ cpu: '500m', memory: '100Mi' }, {}, 'Burstable', { cpuShares: 512, oomScoreAdj: 900 }],
    [
      { cpu: '1', memory: '64Mi' },
      { cpu: '1', memory: '64Mi' },
      'Guaranteed',
      { cpuShares: 1024, cpuQuota: 100_000, memoryLimitInBytes: 64 * 2 ** 20, oomScoreAdj: -997 },
    ],
    [{}, { cpu: '5m' }, 'Burstable', { cpuShares: 5, cpuQuota: 1000 }],
  ])('of requests %j and limits %j', (requests, limits, qos, expected) => {
    const each = pod(requests as Record<string, string>, limits as Record<string, string>);
    expect(qosClassOf(each)).toBe(qos);
    expect(of(each)).toMatchObject(expected);
  });

  it('bounds the pod only when all containers are bounded', () => {
    const bounded = aContainer('c', { resources: { limits: { memory: '10Mi', cpu: '1' }, requests: { cpu: '1' } } });
    const whole = { requests: { cpu: '500m', memory: '1Mi' }, limits: { cpu: '500m', memory: '2Mi' } };
    expect(podResources(aPod({ spec: { containers: [aContainer('any')], resources: whole } }))).toMatchObject({
      cpuShares: 512,
      cpuQuota: 50_000,
      memoryLimitInBytes: 2 << 20,
    });
    const two = (second: Container) => podResources(aPod({ spec: { containers: [bounded, second] } }));
    expect(two({ ...bounded, name: 'd' })).toEqual({
      cpuPeriod: 100_000,
      cpuShares: 2048,
      cpuQuota: 200_000,
      memoryLimitInBytes: 20 * 2 ** 20,
    });
    expect(two(aContainer('d'))).toEqual({ cpuPeriod: 100_000, cpuShares: 1024 });
  });

  it('names cgroups as upstream does', () => {
    expect(podCgroup(pod({}, {}))).toBe('/kubepods/besteffort/poduid-1');
    expect(podCgroup(pod({ cpu: '1', memory: '1Mi' }, { cpu: '1', memory: '1Mi' }))).toBe('/kubepods/poduid-1');
  });
});

describe('the sandbox', () => {
  const host = parseResolvConf(
    '# made by hand\nsearch corp.example\nnameserver 192.0.2.53\noptions timeout:1 rotate\n',
  );
  const dns = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local', host };

  it.each([
    [
      {},
      {
        servers: ['10.96.0.10'],
        searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example'],
        options: ['ndots:5'],
      },
    ],
    [
      { dnsPolicy: 'Default' },
      { servers: ['192.0.2.53'], searches: ['corp.example'], options: ['timeout:1', 'rotate'] },
    ],
    [{ hostNetwork: true }, { servers: ['192.0.2.53'] }],
    [{ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, { servers: ['10.96.0.10'] }],
    [
      {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['192.0.2.1'],
          searches: ['a'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
      },
      { servers: ['192.0.2.1'], searches: ['a'], options: ['ndots:2', 'edns0'] },
    ],
    [{ dnsConfig: { options: [{ name: 'ndots', value: '1' }] } }, { options: ['ndots:1'] }],
  ])('resolves names as %j says', (spec, expected) => {
    expect(podDnsConfig(aPod({ spec }), dns)).toMatchObject(expected);
  });

  it('has the name, ports and sysctls of the pod', () => {
    const pod = aPod({
      spec: {
        hostname: 'web-0',
        subdomain: 'web',
        securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
        containers: [aContainer('c', { ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 81 }] })],
      },
    });
    const config = sandboxConfig(pod, 1, { layout: volumeLayout('/data'), dns, seccompRoot: '/s' });
    expect(config).toMatchObject({
      metadata: { name: 'p', namespace: 'ns', uid: 'uid-1', attempt: 1 },
      hostname: 'web-0',
      logDirectory: '/data/var/log/pods/ns_p_uid-1',
      portMappings: [{ containerPort: 80, hostPort: 8080, protocol: 'TCP', hostIp: '' }],
      linux: { sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' }, cgroupParent: '/kubepods/besteffort/poduid-1' },
    });
    expect(hostsFile(pod, podHostname(pod, 'cluster.local'), ['10.64.0.2'], '')).toContain(
      '10.64.0.2\tweb-0.web.ns.svc.cluster.local\tweb-0\n',
    );
  });

  it('refuses a full name that the kernel cannot hold', () => {
    const pod = aPod({ name: 'a'.repeat(60), spec: { subdomain: 'web', setHostnameAsFQDN: true } });
    expect(() => sandboxConfig(pod, 0, { layout: volumeLayout('/data'), dns, seccompRoot: '/s' })).toThrow(
      'is too long (64 characters is the max',
    );
  });
});

describe('admitPod', () => {
  const node = {
    name: 'n',
    labels: { disk: 'ssd' },
    hostIps: [],
    allocatable: { cpu: '1', memory: '1Gi', pods: '2' },
    memoryCapacityBytes: 1,
  };
  const wants = (cpu: string) =>
    aPod({ uid: cpu, spec: { containers: [aContainer('c', { resources: { requests: { cpu } } })] } });
  const port = (hostPort: number, hostIP = '') =>
    aPod({ spec: { containers: [aContainer('c', { ports: [{ containerPort: 80, hostPort, hostIP }] })] } });

  it.each<[string, Pod, Pod[], string | undefined]>([
    ['what fits', wants('500m'), [wants('400m')], undefined],
    ['too much of a resource', wants('700m'), [wants('400m')], 'OutOfcpu'],
    ['too many pods', aPod(), [aPod(), aPod()], 'OutOfpods'],
    ['room that finished pods left', aPod(), [aPod({ status: { phase: 'Failed' } }), aPod()], undefined],
    ['a port that is taken', port(80), [port(80)], 'NodePorts'],
    ['a port on another address', port(80, '192.0.2.1'), [port(80, '192.0.2.2')], undefined],
    ['another node', aPod({ spec: { nodeSelector: { disk: 'hdd' } } }), [], 'NodeAffinity'],
    ['the right node', aPod({ spec: { nodeSelector: { disk: 'ssd' } } }), [], undefined],
    [
      'a dangerous sysctl',
      aPod({ spec: { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } } }),
      [],
      'SysctlForbidden',
    ],
  ])('judges %s', (_, pod, others, reason) => expect(admitPod(pod, others, node)?.reason).toBe(reason));
});

describe('pullCredentials', () => {
  const secret = (auths: object) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {},
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
  });
  it.each([
    ['app', 'docker.io'],
    ['library/app:1', 'docker.io'],
    ['registry.example:5000/app', 'registry.example:5000'],
    ['localhost/app', 'localhost'],
  ])('finds the registry of %p', (name, registry) => expect(registryOf(name)).toBe(registry));

  it('chooses what fits the registry', () => {
    const secrets = [
      secret({
        'https://registry.example': { username: 'a', password: 'b' },
        'https://index.docker.io/v1/': { auth: 'eA==' },
      }),
    ];
    expect(pullCredentials('registry.example/app:1', secrets)).toMatchObject({ username: 'a', password: 'b' });
    expect(pullCredentials('app', secrets)).toMatchObject({ auth: 'eA==' });
    expect(pullCredentials('elsewhere.example/app', secrets)).toBeUndefined();
  });
});
