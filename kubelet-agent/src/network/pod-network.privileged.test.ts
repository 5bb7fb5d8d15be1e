import { join } from 'node:path';
import { createKernelHost, createSysctlRecord, type Host, type SysctlRecord } from '@slipway/cni';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { PodNetwork } from './pod-network.ts';
import { removeNetwork } from './remove-network.ts';

const clusterId = 'test1';

describeWithNetwork('PodNetwork', () => {
  let network: TestNetwork;
  let host: Host;
  let record: SysctlRecord;

  const create = () =>
    new PodNetwork(
      { host, exec, log: silentLogger },
      {
        cluster: { clusterId, clusterCidr: '10.64.0.0/16', serviceCidr: '10.96.0.0/16', ownServiceIps: ['10.96.0.10'] },
        directory: join(network.directory, 'network'),
        binPath: [],
        env: {},
        nodeNetns: network.hostNetns,
      },
    );
  const request = (sandboxId: string, netnsPath: string, hostPort = 0) => ({
    sandboxId,
    netnsPath,
    pod: { name: sandboxId, namespace: 'default', uid: `uid-${sandboxId}` },
    portMappings: hostPort === 0 ? [] : [{ protocol: 'TCP', containerPort: 80, hostPort, hostIp: '' }],
  });

  beforeEach(async () => {
    network = await createTestNetwork();
    record = createSysctlRecord(clusterId, join(network.directory, 'sysctl'));
    host = createKernelHost({ exec, netns: network.hostNetns, record });
  });
  afterEach(() => network?.remove());

  it('lets pods reach each other and the DNS address', async () => {
    const pods = create();
    await pods.start('10.64.0.0/24', neverAborted);
    const [one, two] = [await network.addNetns(), await network.addNetns()];
    const results = await Promise.all([
      pods.setUp(request('one', one, 8080), neverAborted),
      pods.setUp(request('two', two), neverAborted),
    ]);
    const [first, second] = results.map(({ ips }) => ips[0] ?? '');
    expect(new Set([first, second])).toEqual(new Set(['10.64.0.2', '10.64.0.3']));
    await network.run(one, 'busybox', 'ping', '-c1', '-W2', second ?? '');
    await network.run(two, 'busybox', 'ping', '-c1', '-W2', '10.96.0.10');
    await network.run(network.hostNetns, 'busybox', 'ping', '-c1', '-W2', first ?? '');
    expect(await pods.problem(neverAborted)).toBeUndefined();
  });

  it('limits what a pod receives and sends when its annotations say so', async () => {
    const pods = create();
    await pods.start('10.64.0.0/24', neverAborted);
    const annotations = { 'kubernetes.io/ingress-bandwidth': '10M', 'kubernetes.io/egress-bandwidth': '5M' };
    const limited = { ...request('one', await network.addNetns()), annotations };
    await pods.setUp(limited, neverAborted);
    const qdiscs = await network.run(network.hostNetns, 'tc', 'qdisc', 'show');
    expect(qdiscs).toMatch(/tbf 1: dev sw\w+ root .*rate 10Mbit/);
    expect(qdiscs).toMatch(/tbf 1: dev sw\w+ root .*rate 5Mbit/);
    await pods.tearDown({ ...limited, annotations: { 'kubernetes.io/ingress-bandwidth': '?' } }, neverAborted);
    expect(await network.run(network.hostNetns, 'tc', 'qdisc', 'show')).not.toContain('tbf');
    const broken = { ...limited, annotations: { 'kubernetes.io/ingress-bandwidth': '?' } };
    await expect(pods.setUp(broken, neverAborted)).rejects.toThrow('kubernetes.io/ingress-bandwidth');
  });

  it('goes on after a restart without being told its addresses, and frees what was left behind', async () => {
    const before = create();
    await before.start('10.64.0.0/30', neverAborted);
    const [one, two] = [await network.addNetns(), await network.addNetns()];
    await before.setUp(request('one', one), neverAborted);
    const after = create();
    await after.start(undefined, neverAborted);
    await expect(after.setUp(request('two', two), neverAborted)).rejects.toThrow('no IP addresses available');
    await after.collectGarbage([], neverAborted);
    expect((await after.setUp(request('two', two), neverAborted)).ips).toEqual(['10.64.0.2']);
    await after.tearDown(request('two', two), neverAborted);
    await after.tearDown(request('two', two), neverAborted);
  });

  it('says that it waits for its addresses', async () => {
    const pods = create();
    await pods.start(undefined, neverAborted);
    expect(await pods.problem(neverAborted)).toContain('no pod CIDR');
  });

  it('leaves nothing behind when removed', async () => {
    const snapshot = async () => {
      const show = (...command: [string, ...string[]]) => network.run(network.hostNetns, ...command);
      return {
        links: (await host.ipShow(['link', 'show'], { signal: neverAborted })).map((link) => link.ifname),
        tables: await show('nft', 'list', 'ruleset'),
        routes: await show('ip', 'route', 'show', 'table', 'all'),
        forward: await host.readSysctl('net/ipv4/ip_forward', { signal: neverAborted }),
      };
    };
    await host.restoreSysctl('net/ipv4/ip_forward', '0', { signal: neverAborted });
    const before = await snapshot();
    const pods = create();
    await pods.start('10.64.0.0/24', neverAborted);
    const annotations = { 'kubernetes.io/egress-bandwidth': '5M' };
    await pods.setUp({ ...request('one', await network.addNetns(), 8080), annotations }, neverAborted);
    expect((await snapshot()).forward).toBe('1');
    const options = { clusterId, directory: join(network.directory, 'network'), host, record, signal: neverAborted };
    await removeNetwork(options);
    await removeNetwork(options);
    expect(await snapshot()).toEqual(before);
  });

  it('has a pod connected within a few tens of milliseconds', async () => {
    const pods = create();
    await pods.start('10.64.0.0/24', neverAborted);
    const spans: number[] = [];
    for (let i = 0; i < 8; i++) {
      const netns = await network.addNetns();
      const begin = performance.now();
      await pods.setUp(request(`pod${i}`, netns), neverAborted);
      spans.push(performance.now() - begin);
    }
    const median = spans.toSorted((a, b) => a - b)[4] ?? 0;
    console.info(`pod network set up: median ${median.toFixed(1)} ms`);
    expect(median).toBeLessThan(250);
  });
});
