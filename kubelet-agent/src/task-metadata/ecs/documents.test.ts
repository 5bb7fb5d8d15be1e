import type { EcsTaskFacts } from '@slipway/api/ecs/task-metadata';
import { readV1, readV2 } from '../../cgroups/cgroup-counters.ts';
import type { ContainerStatus } from '../../runtime/cri.ts';
import { containerDocument } from './container-document.ts';
import { networkFrom } from './observe-task.ts';
import type { ObservedContainer, ObservedTask } from './observed-task.ts';
import { parseInterfaces, type StatsSample, statsDocument } from './stats-document.ts';
import { taskDocument } from './task-document.ts';
import { parseWish } from './task-protection.ts';
import { machineCpuNs } from './task-stats.ts';

const createdAtMs = Date.parse('2026-11-21T10:00:00.120Z');

function aContainer(name: string, changes: Partial<ContainerStatus> = {}, more: Partial<ObservedContainer> = {}) {
  const runtime: ContainerStatus = {
    id: 'ab'.repeat(32),
    podSandboxId: 's',
    metadata: { name, attempt: 0 },
    image: { image: 'sha256:1', userSpecifiedImage: 'registry.example/web:1' },
    imageRef: 'sha256:1',
    state: 'CONTAINER_RUNNING',
    createdAtMs,
    startedAtMs: createdAtMs + 80,
    finishedAtMs: 0,
    labels: {},
    annotations: {},
    exitCode: 0,
    reason: '',
    message: '',
    mounts: [{ containerPath: '/data', hostPath: '/srv/data', readonly: false }],
    logPath: '',
    pid: 7,
    resources: { linux: {} },
    user: { linux: { uid: 0, gid: 0, supplementalGroups: [] } },
    ...changes,
  };
  return { facts: { name: name.toUpperCase() }, runtime, wanted: undefined, told: undefined, ...more };
}

const facts: EcsTaskFacts = {
  form: 'ecs',
  clusterArn: 'arn:aws:ecs:eu-central-1:123456789012:cluster/Prod_EU',
  family: 'shop',
  revision: 7,
  serviceName: 'Shop',
  launchType: 'EC2',
  networkMode: 'awsvpc',
  limits: { cpu: 0.25, memory: 512 },
  containers: { web: { name: 'WEB' } },
};

function aTask(changes: Partial<ObservedTask> = {}): ObservedTask {
  return {
    observedAtMs: createdAtMs + 10_000,
    pod: { namespace: 'prod-eu-1', name: 'f00' },
    facts,
    isEnding: false,
    scheduledAt: '2026-11-21T09:59:59Z',
    ips: ['10.0.2.100'],
    node: { zone: 'eu-central-1b', region: undefined },
    network: { mac: '0e:9e:32:c7:48:85', subnet: '10.0.2.0/24', gateway: '10.0.2.1' },
    dns: { servers: ['10.96.0.10'], searches: ['cluster.local'] },
    clusterDomain: 'cluster.local',
    containers: [aContainer('web')],
    ...changes,
  };
}

const only = (task: ObservedTask): ObservedContainer => task.containers[0] ?? aContainer('none');

describe('the documents of a task', () => {
  it("has ECS' names for what the agent sees", () => {
    const taskArn = 'arn:aws:ecs:eu-central-1:123456789012:task/Prod_EU/f00';
    expect(taskDocument(aTask(), 'v4')).toEqual({
      Cluster: 'Prod_EU',
      TaskARN: taskArn,
      Family: 'shop',
      Revision: '7',
      DesiredStatus: 'RUNNING',
      KnownStatus: 'RUNNING',
      Limits: { CPU: 0.25, Memory: 512 },
      PullStartedAt: '2026-11-21T09:59:59Z',
      PullStoppedAt: '2026-11-21T10:00:00.120Z',
      AvailabilityZone: 'eu-central-1b',
      LaunchType: 'EC2',
      ServiceName: 'Shop',
      FaultInjectionEnabled: false,
      Containers: [
        {
          DockerId: 'ab'.repeat(32),
          Name: 'WEB',
          DockerName: 'ecs-shop-7-WEB-abababababababababab',
          Image: 'registry.example/web:1',
          ImageID: 'sha256:1',
          Labels: {
            'com.amazonaws.ecs.cluster': 'Prod_EU',
            'com.amazonaws.ecs.container-name': 'WEB',
            'com.amazonaws.ecs.task-arn': taskArn,
            'com.amazonaws.ecs.task-definition-family': 'shop',
            'com.amazonaws.ecs.task-definition-version': '7',
          },
          DesiredStatus: 'RUNNING',
          KnownStatus: 'RUNNING',
          Limits: { CPU: 0 },
          CreatedAt: '2026-11-21T10:00:00.120Z',
          StartedAt: '2026-11-21T10:00:00.200Z',
          Type: 'NORMAL',
          ContainerARN: 'arn:aws:ecs:eu-central-1:123456789012:container/Prod_EU/f00/WEB',
          Networks: [
            {
              NetworkMode: 'awsvpc',
              IPv4Addresses: ['10.0.2.100'],
              AttachmentIndex: 0,
              MACAddress: '0e:9e:32:c7:48:85',
              IPv4SubnetCIDRBlock: '10.0.2.0/24',
              DomainNameServers: ['10.96.0.10'],
              DomainNameSearchList: ['cluster.local'],
              PrivateDNSName: '10-0-2-100.prod-eu-1.pod.cluster.local',
              SubnetGatewayIpv4Address: '10.0.2.1/24',
            },
          ],
        },
      ],
    });
  });

  it('leaves out of version 3 what came with version 4', () => {
    const task = taskDocument(aTask(), 'v3');
    for (const name of ['LaunchType', 'ServiceName', 'FaultInjectionEnabled']) expect(task).not.toHaveProperty(name);
    const container = containerDocument(aTask(), only(aTask()), 'v3');
    expect(container).not.toHaveProperty('ContainerARN');
    expect(container).toMatchObject({ Networks: [{ NetworkMode: 'awsvpc', IPv4Addresses: ['10.0.2.100'] }] });
  });

  it('is FARGATE by ARN and by plain container names', () => {
    const task = aTask({ facts: { ...facts, launchType: 'FARGATE' } });
    expect(taskDocument(task, 'v4')).toMatchObject({ Cluster: facts.clusterArn, LaunchType: 'FARGATE' });
    expect(containerDocument(task, only(task), 'v4')).toMatchObject({ DockerName: 'WEB' });
  });

  it('is as far as the least of its containers, and stopped when all are', () => {
    const two = { ...facts, containers: { web: { name: 'WEB' }, side: { name: 'SIDE' } } };
    const known = (...states: readonly ContainerStatus['state'][]) =>
      taskDocument(aTask({ facts: two, containers: states.map((state, i) => aContainer(`c${i}`, { state })) }), 'v4');
    expect(known('CONTAINER_RUNNING')).toMatchObject({ KnownStatus: 'NONE' });
    expect(known('CONTAINER_RUNNING')).not.toHaveProperty('PullStoppedAt');
    expect(known('CONTAINER_RUNNING', 'CONTAINER_CREATED')).toMatchObject({ KnownStatus: 'CREATED' });
    expect(known('CONTAINER_RUNNING', 'CONTAINER_EXITED')).toMatchObject({ KnownStatus: 'RUNNING' });
    expect(known('CONTAINER_EXITED', 'CONTAINER_EXITED')).toMatchObject({
      KnownStatus: 'STOPPED',
      DesiredStatus: 'STOPPED',
    });
    expect(taskDocument(aTask({ isEnding: true }), 'v4')).toMatchObject({
      DesiredStatus: 'STOPPED',
      KnownStatus: 'RUNNING',
    });
  });

  it('tells how a container ended', () => {
    const over = { state: 'CONTAINER_EXITED', exitCode: 3, finishedAtMs: createdAtMs + 5_000 } as const;
    expect(containerDocument(aTask(), aContainer('web', over), 'v4')).toMatchObject({
      KnownStatus: 'STOPPED',
      ExitCode: 3,
      FinishedAt: '2026-11-21T10:00:05.120Z',
    });
  });

  it('tells ports of the node in bridge mode, volumes by their names, and nothing of a network that it does not know', () => {
    const wanted = {
      name: 'web',
      image: 'x',
      ports: [{ containerPort: 80, hostPort: 32_768, protocol: 'TCP' }, { containerPort: 81 }],
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
    };
    const container = aContainer('web', {}, { wanted });
    const bridge = aTask({ facts: { ...facts, networkMode: 'bridge' } });
    expect(containerDocument(bridge, container, 'v4')).toMatchObject({
      Ports: [{ ContainerPort: 80, Protocol: 'tcp', HostPort: 32_768, HostIp: '0.0.0.0' }],
      Volumes: [{ DockerName: 'data', Source: '/srv/data', Destination: '/data' }],
      Networks: [{ NetworkMode: 'bridge', IPv4Addresses: ['10.0.2.100'] }],
    });
    expect(containerDocument(aTask({ network: undefined }), container, 'v4')).not.toHaveProperty('Ports');
  });

  it('is healthy by the probe, unknown until its time is over, unhealthy afterwards', () => {
    const checked = (ready: boolean | undefined, unhealthyAfterMs: number) => {
      const told = ready === undefined ? undefined : { containerID: `slipway://${'ab'.repeat(32)}`, ready };
      const container = { facts: { name: 'WEB', unhealthyAfterMs }, told: told as ObservedContainer['told'] };
      return containerDocument(aTask(), aContainer('web', {}, container), 'v4');
    };
    expect(checked(true, 1_000)).toMatchObject({ Health: { status: 'HEALTHY' } });
    expect(checked(false, 60_000)).toMatchObject({ Health: { status: 'UNKNOWN' } });
    expect(checked(false, 1_000)).toMatchObject({ Health: { status: 'UNHEALTHY' } });
    expect(checked(undefined, 1_000)).toMatchObject({ Health: { status: 'UNKNOWN' } });
  });

  it("has the namespace's name and the node's region when it was not made by the ECS API", () => {
    const { clusterArn: _, ...plain } = facts;
    const node = { zone: undefined, region: 'berlin-1' };
    expect(taskDocument(aTask({ facts: plain, node }), 'v4')).toMatchObject({
      Cluster: 'prod-eu-1',
      TaskARN: 'arn:aws:ecs:berlin-1:000000000000:task/prod-eu-1/f00',
    });
  });
});

describe('what is read of the kernel', () => {
  const files = (table: Readonly<Record<string, string>>) => async (controller: string, file: string) =>
    table[`${controller}/${file}`] ?? '';

  it('is counted alike by cgroups v1 and v2', async () => {
    const v1 = await readV1(
      files({
        'cpuacct/cpuacct.usage': '3000000000\n',
        'cpuacct/cpuacct.usage_percpu': '1000000000 2000000000 \n',
        'cpuacct/cpuacct.stat': 'user 200\nsystem 100\n',
        'cpu/cpu.stat': 'nr_periods 10\nnr_throttled 2\nthrottled_time 5000\n',
        'memory/memory.usage_in_bytes': '4096\n',
        'memory/memory.max_usage_in_bytes': '8192\n',
        'memory/memory.limit_in_bytes': '67108864\n',
        'memory/memory.stat': 'cache 1\nrss 2\n',
        'pids/pids.current': '3\n',
        'pids/pids.max': 'max\n',
        'blkio/blkio.throttle.io_service_bytes': '254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 1\nTotal 12288\n',
        'blkio/blkio.throttle.io_serviced': '254:0 Read 1\n254:0 Write 2\n254:0 Sync 1\nTotal 3\n',
      }),
    );
    const v2 = await readV2(
      files({
        'cpu/cpu.stat':
          'usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 2\nthrottled_usec 5\n',
        'memory/memory.current': '4096\n',
        'memory/memory.peak': '8192\n',
        'memory/memory.max': '67108864\n',
        'memory/memory.stat': 'cache 1\nrss 2\n',
        'pids/pids.current': '3\n',
        'pids/pids.max': 'max\n',
        'io/io.stat': '254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n',
      }),
    );
    expect(v2).toEqual({ ...v1, cpu: { ...v1.cpu, perCoreNs: undefined } });
    expect(v1.cpu).toEqual({
      totalNs: 3e9,
      userNs: 2e9,
      systemNs: 1e9,
      perCoreNs: [1e9, 2e9],
      periods: 10,
      throttledPeriods: 2,
      throttledNs: 5000,
    });
    expect(v1.pids).toEqual({ current: 3, limit: undefined });
  });

  it('knows no limit where the kernel names its largest number', async () => {
    const { memory } = await readV1(files({ 'memory/memory.limit_in_bytes': '9223372036854771712\n' }));
    expect(memory.limitBytes).toBeUndefined();
  });

  it('becomes what Docker shows, with rates between two samples', async () => {
    const dev = (received: number) =>
      parseInterfaces(
        `a\nb\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n  eth0:${received} 3 0 1 0 0 0 0 50 2 0 0 0 0 0 0\n`,
      );
    const counters = await readV2(files({ 'memory/memory.current': '5', 'memory/memory.max': 'max' }));
    const sample = (atMs: number, received: number): StatsSample => ({
      atMs,
      counters,
      machineCpuNs: machineCpuNs('cpu  1 2 3 4 5 6 7 8 9\n'),
      cores: 2,
      memoryCapacityBytes: 1_000,
      interfaces: dev(received),
    });
    const document = statsDocument({ id: 'x', name: 'n' }, sample(3_000, 300), sample(1_000, 100));
    expect(document).toMatchObject({
      read: '1970-01-01T00:00:03.000Z',
      preread: '1970-01-01T00:00:01.000Z',
      name: '/n',
      cpu_stats: { system_cpu_usage: 280_000_000, online_cpus: 2 },
      memory_stats: { usage: 5, limit: 1_000 },
      networks: { eth0: { rx_bytes: 300, rx_packets: 3, rx_dropped: 1, tx_bytes: 50 } },
      network_rate_stats: { rx_bytes_per_sec: 100, tx_bytes_per_sec: 0 },
    });
    expect((document as { networks: object }).networks).not.toHaveProperty('lo');
    const first = statsDocument({ id: 'x', name: 'n' }, sample(3_000, 300), undefined);
    expect(first).not.toHaveProperty('network_rate_stats');
    expect(first).toMatchObject({ preread: '0001-01-01T00:00:00Z', precpu_stats: { cpu_usage: { total_usage: 0 } } });
  });

  it("takes the node's addresses for the subnet of a pod that is routed", () => {
    const link = (local: string, prefixlen: number) => [
      { address: '0a:00:00:00:00:01', addr_info: [{ family: 'inet', local, prefixlen }] },
    ];
    const routes = [{ dst: 'default', gateway: '10.0.2.1' }];
    expect(networkFrom(link('10.0.2.100', 24), routes, '10.9.0.0/24')).toEqual({
      mac: '0a:00:00:00:00:01',
      subnet: '10.0.2.0/24',
      gateway: '10.0.2.1',
    });
    expect(networkFrom(link('10.9.0.7', 32), [], '10.9.0.0/24')).toMatchObject({ subnet: '10.9.0.0/24' });
    expect(networkFrom(link('192.168.1.7', 32), [], '10.9.0.0/24')?.subnet).toBeUndefined();
    expect(networkFrom([], [], undefined)).toBeUndefined();
  });
});

describe('a wish for protection', () => {
  it.each([
    ['{"ProtectionEnabled":true}', { protectionEnabled: true, expiresInMinutes: 120 }],
    ['{"ProtectionEnabled":false,"ExpiresInMinutes":2880}', { protectionEnabled: false, expiresInMinutes: 2880 }],
    ['{', 'The body must be a JSON object with ProtectionEnabled and, if wanted, ExpiresInMinutes.'],
    ['[]', 'The body must be a JSON object.'],
    ['{}', 'The field ProtectionEnabled is missing.'],
    ['{"ProtectionEnabled":1}', 'ProtectionEnabled must be true or false.'],
    ['{"ProtectionEnabled":true,"Minutes":1}', 'The body has the field Minutes, which is not known.'],
    [
      '{"ProtectionEnabled":true,"ExpiresInMinutes":2881}',
      'ExpiresInMinutes must be a whole number between 1 and 2880.',
    ],
    [
      '{"ProtectionEnabled":true,"ExpiresInMinutes":"5"}',
      'ExpiresInMinutes must be a whole number between 1 and 2880.',
    ],
  ])('%s', (body, read) => expect(parseWish(body)).toEqual(read));
});
