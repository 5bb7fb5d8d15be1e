import { join } from 'node:path';
import type { EndpointSlice, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { createKernelHost, createSysctlRecord, type Host, KernelError } from '@slipway/cni';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { PodNetwork } from '../network/pod-network.ts';
import { aService, aSlice } from './builders.ts';
import { ServiceProxy } from './service-proxy.ts';

const clusterId = 'test2';
const nodeName = 'node-a';
const clusterIp = '10.96.0.50';
const nodeOutside = '192.168.77.1';

/** Kernels differ in whether bridged packets pass netfilter (br_netfilter), and both must do. */
const bridgeNetfilter = 'net/bridge/bridge-nf-call-iptables';

for (const value of ['0', '1'])
  describeWithNetwork(`ServiceProxy with bridge-nf-call-iptables = ${value}`, () => describeProxy(value));

function describeProxy(bridgeNetfilterValue: string): void {
  let network: TestNetwork;
  let host: Host;
  let pods: { readonly netns: string; readonly ip: string }[];
  let outside: string;
  let services: ObjectCache<Service>;
  let endpointSlices: ObjectCache<EndpointSlice>;
  let proxy: ServiceProxy;
  let version = 1n;

  const createProxy = (more: { readonly nodePortNetworks?: readonly string[] } = {}) =>
    new ServiceProxy(
      { host, clock: systemClock, log: silentLogger, services, endpointSlices },
      { clusterId, nodeName, clusterCidr: '10.64.0.0/16', serviceCidr: '10.96.0.0/16', answeredHere: [], ...more },
    );
  const apply = async (service: Service | readonly Service[], slices: readonly EndpointSlice[]) => {
    version++;
    services.replace([service].flat(), version);
    endpointSlices.replace(slices, version);
    return proxy.apply(neverAborted);
  };
  const sliceOf = (indexes: readonly number[], more = {}) =>
    aSlice({ addresses: indexes.map((i) => pods[i]?.ip ?? ''), port: 8080, nodeName, version, ...more });
  const fetchMany = async (netns: string, address: string, port: number) => {
    const answers: string[] = [];
    for (let i = 0; i < 12; i++) answers.push((await network.fetch(netns, address, port)).split(' ')[0] ?? '');
    return new Set(answers);
  };

  beforeAll(async () => {
    network = await createTestNetwork();
    await network.host
      .restoreSysctl(bridgeNetfilter, bridgeNetfilterValue, { signal: neverAborted })
      .catch((error: unknown) => {
        if (!(error instanceof KernelError && error.isMissing && bridgeNetfilterValue === '0')) throw error;
      });
    const record = createSysctlRecord(clusterId, join(network.directory, 'sysctl'));
    host = createKernelHost({ exec, netns: network.hostNetns, record });
    const podNetwork = new PodNetwork(
      { host, exec, log: silentLogger },
      {
        cluster: { clusterId, clusterCidr: '10.64.0.0/16', serviceCidr: '10.96.0.0/16', ownServiceIps: ['10.96.0.10'] },
        directory: join(network.directory, 'network'),
        binPath: [],
        env: {},
        nodeNetns: network.hostNetns,
      },
    );
    await podNetwork.start('10.64.0.0/24', neverAborted);
    pods = [];
    for (const name of ['one', 'two']) {
      const netns = await network.addNetns();
      const pod = { name, namespace: 'default', uid: `uid-${name}` };
      const { ips } = await podNetwork.setUp(
        { sandboxId: name, pod, netnsPath: netns, portMappings: [] },
        neverAborted,
      );
      pods.push({ netns, ip: ips[0] ?? '' });
      network.serve(netns, 8080, name);
      network.serve(netns, 8053, name, 'UDP4');
    }
    // Servers are processes, which take their time to start on a busy machine.
    for (const { ip } of pods) await expectSoon(() => network.fetch(network.hostNetns, ip, 8080).catch(() => ''), /./);
    outside = await network.addNetns();
    await host.ip(
      [
        `link add swout0 type veth peer name eth0 netns ${outside}`,
        `address add ${nodeOutside}/24 dev swout0`,
        'link set swout0 up',
      ],
      { signal: neverAborted },
    );
    const lines = [
      'link set lo up',
      'address add 192.168.77.2/24 dev eth0',
      'link set eth0 up',
      `route add default via ${nodeOutside}`,
    ];
    await host.ip(lines, { netns: outside, signal: neverAborted });
  });
  afterAll(() => network?.remove());

  beforeEach(() => {
    services = new ObjectCache<Service>();
    endpointSlices = new ObjectCache<EndpointSlice>();
    proxy = createProxy();
  });

  it('balances a ClusterIP for pods, for the pods behind it themselves, and for the node', async () => {
    await apply(aService({ clusterIp }), [sliceOf([0, 1])]);
    for (const netns of [pods[0]?.netns ?? '', pods[1]?.netns ?? '', network.hostNetns]) {
      expect(await fetchMany(netns, clusterIp, 80)).toEqual(new Set(['one', 'two']));
    }
  });

  it('lets a pod reach itself through its service, and a sibling with its own address', async () => {
    await apply(aService({ clusterIp }), [sliceOf([0])]);
    expect(await network.fetch(pods[0]?.netns ?? '', clusterIp, 80)).toMatch(/^one /);
    expect(await network.fetch(pods[1]?.netns ?? '', clusterIp, 80)).toBe(`one ${pods[1]?.ip}`);
  });

  it('answers a node port on every address of the node, also for others and on 127.0.0.1', async () => {
    await apply(aService({ clusterIp, nodePort: 30080 }), [sliceOf([0, 1])]);
    expect(await fetchMany(outside, nodeOutside, 30080)).toEqual(new Set(['one', 'two']));
    expect(await network.fetch(network.hostNetns, '127.0.0.1', 30080)).toMatch(/^(one|two) /);
    expect(await network.fetch(network.hostNetns, nodeOutside, 30080)).toMatch(/^(one|two) /);
    expect(await network.fetch(pods[0]?.netns ?? '', nodeOutside, 30080)).toMatch(/^(one|two) /);
  });

  it('answers node ports on chosen addresses only', async () => {
    proxy = createProxy({ nodePortNetworks: ['192.168.77.0/24'] });
    await apply(aService({ clusterIp, nodePort: 30080 }), [sliceOf([0, 1])]);
    expect(await network.fetch(outside, nodeOutside, 30080)).toMatch(/^(one|two) /);
    await expect(network.fetch(network.hostNetns, '127.0.0.1', 30080)).rejects.toThrow('Connection refused');
    await expect(network.fetch(pods[0]?.netns ?? '', '10.64.0.1', 30080)).rejects.toThrow('Connection refused');
  });

  it('answers SCTP and several ports of one service', async () => {
    const spec = {
      ports: [
        { name: 'a', port: 80, protocol: 'TCP' },
        { name: 'b', port: 80, protocol: 'SCTP' },
      ],
    };
    const slices = [sliceOf([0], { name: 'a' }), sliceOf([1], { name: 'b', protocol: 'SCTP' })].map((slice, i) => ({
      ...slice,
      ports: slice.ports?.map((port) => ({ ...port, name: i === 0 ? 'a' : 'b' })),
    }));
    await apply(aService({ clusterIp, spec }), slices as EndpointSlice[]);
    expect(await network.fetch(pods[1]?.netns ?? '', clusterIp, 80)).toMatch(/^one /);
    const listed = await host.nftList(['map', 'inet', 'slipway-test2-proxy', 'backends-sctp4'], {
      signal: neverAborted,
    });
    expect(JSON.stringify(listed)).toContain(pods[1]?.ip);
  });

  it('keeps the address of outside clients with externalTrafficPolicy Local, and drops without a local pod', async () => {
    const service = aService({ clusterIp, nodePort: 30080, spec: { externalTrafficPolicy: 'Local' } });
    await apply(service, [sliceOf([0])]);
    expect(await network.fetch(outside, nodeOutside, 30080)).toBe('one 192.168.77.2');
    await apply(service, [sliceOf([0], { nodeName: 'node-b' })]);
    await expect(network.fetch(outside, nodeOutside, 30080)).rejects.toThrow();
    expect(await network.fetch(pods[1]?.netns ?? '', nodeOutside, 30080)).toMatch(/^one /);
  });

  it('answers external addresses', async () => {
    await apply(aService({ clusterIp, spec: { externalIPs: ['203.0.113.9'] } }), [sliceOf([1])]);
    expect(await network.fetch(outside, '203.0.113.9', 80)).toMatch(/^two /);
  });

  it('refuses at once when nobody answers', async () => {
    await apply(aService({ clusterIp, nodePort: 30080 }), []);
    for (const [netns, address, port] of [
      [pods[0]?.netns ?? '', clusterIp, 80],
      [network.hostNetns, clusterIp, 80],
      [outside, nodeOutside, 30080],
      [network.hostNetns, '127.0.0.1', 30080],
      [pods[0]?.netns ?? '', '10.96.77.77', 80],
    ] as const) {
      const begin = performance.now();
      await expect(network.fetch(netns, address, port)).rejects.toThrow('Connection refused');
      expect(performance.now() - begin).toBeLessThan(900); // a lost first packet is sent again after a second
    }
  });

  it('sends a client to the same pod while it has affinity', async () => {
    await apply(aService({ clusterIp, spec: { sessionAffinity: 'ClientIP' } }), [sliceOf([0, 1])]);
    expect((await fetchMany(pods[0]?.netns ?? '', clusterIp, 80)).size).toBe(1);
    const before = await network.fetch(pods[1]?.netns ?? '', clusterIp, 80);
    await apply(
      [
        aService({ clusterIp, spec: { sessionAffinity: 'ClientIP' } }),
        aService({ name: 'other', clusterIp: '10.96.0.51' }),
      ],
      [sliceOf([0, 1])],
    );
    expect(await network.fetch(pods[1]?.netns ?? '', clusterIp, 80)).toBe(before);
  });

  it('sends UDP to the new pod when the old one is gone', async () => {
    const service = aService({ clusterIp, port: 53, protocol: 'UDP' });
    await apply(service, [sliceOf([0], { port: 8053, protocol: 'UDP' })]);
    const client = `socat -T1 - UDP4:${clusterIp}:53,sourceport=40000,reuseaddr`;
    const ask = async () => {
      // A datagram may be lost, and the server may be slow to answer on a busy machine.
      for (let i = 0; i < 4; i++) {
        const answer = await network.run(pods[1]?.netns ?? '', 'sh', '-c', `echo q | ${client}`);
        if (answer !== '') return answer;
      }
      return '';
    };
    expect(await ask()).toMatch(/^one /);
    await apply(service, [sliceOf([1], { port: 8053, protocol: 'UDP' })]);
    expect(await ask()).toMatch(/^two /);
  });

  it('reaches an API server that listens on 127.0.0.1 only', async () => {
    const stop = network.serve(network.hostNetns, 6443, 'apiserver');
    await apply(aService({ clusterIp, port: 443 }), [
      aSlice({ addresses: ['127.0.0.1'], port: 6443, nodeName: undefined, version }),
    ]);
    expect(await network.fetch(pods[0]?.netns ?? '', clusterIp, 443)).toMatch(/^apiserver /);
    expect(await network.fetch(network.hostNetns, clusterIp, 443)).toMatch(/^apiserver /);
    await stop();
  });

  it('finds its rules again after a restart, repairs them, and leaves them when nothing differs', async () => {
    const service = aService({ clusterIp, nodePort: 30080, spec: { sessionAffinity: 'ClientIP' } });
    expect(await apply(service, [sliceOf([0, 1])])).toBe(true);
    expect(await proxy.apply(neverAborted)).toBe(false);
    proxy = createProxy();
    expect(await proxy.apply(neverAborted)).toBe(false);
    await host.nft('delete element inet slipway-test2-proxy services4 { 10.96.0.50 . 6 . 80 }\n', {
      signal: neverAborted,
    });
    proxy = createProxy();
    expect(await proxy.apply(neverAborted)).toBe(true);
    expect(await network.fetch(pods[0]?.netns ?? '', clusterIp, 80)).toMatch(/^(one|two) /);
    await host.nft('flush chain inet slipway-test2-proxy postrouting\n', { signal: neverAborted });
    proxy = createProxy();
    expect(await proxy.apply(neverAborted)).toBe(true);
    proxy = createProxy();
    expect(await proxy.apply(neverAborted)).toBe(false);
  });

  it('follows changes while it runs, and stops', async () => {
    const controller = new AbortController();
    const running = proxy.run(controller.signal);
    services.replace([aService({ clusterIp })], ++version);
    endpointSlices.replace([sliceOf([0])], version);
    const answers = async () => network.fetch(pods[1]?.netns ?? '', clusterIp, 80).catch(() => '');
    await expectSoon(answers, /^one /);
    version++;
    endpointSlices.replace([sliceOf([1])], version);
    await expectSoon(answers, /^two /);
    controller.abort();
    await running;
  });

  async function expectSoon(ask: () => Promise<string>, wanted: RegExp): Promise<void> {
    let last = '';
    for (let i = 0; i < 50 && !wanted.test(last); i++) last = await ask();
    expect(last).toMatch(wanted);
  }
}
