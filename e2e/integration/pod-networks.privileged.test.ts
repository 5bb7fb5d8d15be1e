/**
 * Pods that join several networks, on two nodes as namespaces with a LAN between them:
 *
 *     node a ── eth0 ──┐
 *     node b ── eth0 ──┼── LAN (a bridge)
 *     neighbour ───────┘   192.168.50.0/24
 *
 * The API server and its authorisation are real; each node's network speaks as that node.
 */
import { join } from 'node:path';
import { createKernelHost, createSysctlRecord, type Host } from '@slipway/cni';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '@slipway/cni/testing';
import type { Network, NetworkAddress, NetworkSubnet } from '@slipway/api/networks/network-types';
import type { Pod } from '@slipway/api/types';
import { type Kind, kinds } from '@slipway/client/kinds';
import { definitions } from '@slipway/crds';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { systemClock } from '@slipway/kit/clock';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { NetworkObjects, PodNetwork, removeNetwork } from '@slipway/kubelet-agent';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

const signal = neverAborted;
const clusterId = 'nets1';
const networksKey = 'k8s.v1.cni.cncf.io/networks';

interface TestNode {
  readonly name: string;
  readonly netns: string;
  readonly host: Host;
  readonly directory: string;
  pods: PodNetwork;
}

describeWithNetwork('pods on several networks', () => {
  let plane: ControlPlane;
  let lan: TestNetwork;
  let neighbour: string;
  let nodes: { readonly a: TestNode; readonly b: TestNode };

  beforeAll(async () => {
    plane = await startControlPlane({
      controllers: ['networks', 'network-subnets', 'network-addresses'],
      ownKinds: { definitions: definitions(), objects: [] },
    });
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } };
    await plane.client.create(kinds.serviceAccounts, account, { signal });
    for (const name of ['a', 'b']) {
      await plane.client.create(
        kinds.nodes,
        { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {} },
        { signal },
      );
    }
  });
  afterAll(() => plane?.stop());

  beforeEach(async () => {
    lan = await createTestNetwork();
    await lan.host.ip(['link add lan type bridge', 'link set lan up'], { signal });
    neighbour = await lan.addNetns();
    const [a, b] = [await lan.addNetns(), await lan.addNetns()];
    for (const [i, netns] of [neighbour, a, b].entries()) {
      const name = netns.split('/').at(-1);
      await lan.host.ip(
        [
          `link add port${i} type veth peer name eth0 netns ${name}`,
          `link set port${i} master lan`,
          `link set port${i} up`,
        ],
        { signal },
      );
      await lan.run(netns, 'sh', '-c', 'ip link set lo up; ip link set eth0 up');
    }
    await lan.run(neighbour, 'ip', 'address', 'add', '192.168.50.9/24', 'dev', 'eth0');
    nodes = { a: await aNode('a', a, '10.64.0.0/24'), b: await aNode('b', b, '10.64.1.0/24') };
  });
  afterEach(async () => {
    for (const kind of [kinds.pods, kinds.networks, kinds.networkAttachmentDefinitions] as Kind[]) {
      for (const object of (await plane.client.list(kind, { signal })).items) {
        const { namespace, name = '' } = object.metadata;
        await plane.client
          .patch(kind, { namespace, name }, { metadata: { finalizers: null } }, { signal })
          .catch(() => {});
        await plane.client.delete(kind, { namespace, name }, { signal, gracePeriodSeconds: 0 }).catch(() => {});
      }
    }
    for (const kind of [kinds.networkSubnets, kinds.networkAddresses])
      await plane.client.deleteCollection(kind, { signal });
    await lan?.remove();
  });

  async function aNode(name: string, netns: string, podCidr: string): Promise<TestNode> {
    const directory = join(lan.directory, name);
    const host = createKernelHost({ exec, netns, record: createSysctlRecord(clusterId, join(directory, 'sysctl')) });
    const node = { name, netns, host, directory };
    const pods = startNetwork(node);
    await pods.start(podCidr, signal);
    return { ...node, pods };
  }

  function startNetwork({ name, netns, host, directory }: Omit<TestNode, 'pods'>): PodNetwork {
    const cluster = { clusterId, clusterCidr: '10.64.0.0/16', serviceCidr: '10.96.0.0/16', ownServiceIps: [] };
    const options = { cluster, directory: join(directory, 'network'), binPath: [], env: {}, nodeNetns: netns };
    const pods = new PodNetwork({ host, exec, log: silentLogger }, options);
    const agent = { name: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] };
    pods.useObjects(new NetworkObjects(plane.server.transport(agent), name));
    return pods;
  }

  async function aNetwork(name: string, spec: Network['spec']): Promise<void> {
    const object: Network = { apiVersion: 'networks.slipway.dev/v1', kind: 'Network', metadata: { name }, spec };
    await plane.client.create(kinds.networks, object, { signal });
  }

  async function aDefinition(name: string, config: string): Promise<void> {
    const object = {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name, namespace: 'default' },
      spec: { config },
    };
    await plane.client.create(kinds.networkAttachmentDefinitions, object, { signal });
  }

  async function aPod(name: string, node: TestNode, annotations: Record<string, string>, labels = {}): Promise<Pod> {
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', annotations, labels },
      spec: { nodeName: node.name, automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i' }] },
    } as Pod;
    return plane.client.create(kinds.pods, object, { signal });
  }

  const requestFor = ({ metadata }: Pod, netnsPath: string) => ({
    sandboxId: `sandbox-${metadata.uid}`,
    pod: { name: metadata.name ?? '', namespace: 'default', uid: metadata.uid ?? '' },
    netnsPath,
    annotations: metadata.annotations ?? {},
    labels: metadata.labels ?? {},
    portMappings: [],
  });

  async function connected(pod: Pod, node: TestNode) {
    const netns = await lan.addNetns();
    await lan.run(netns, 'ip', 'link', 'set', 'lo', 'up');
    const request = requestFor(pod, netns);
    const { ips } = await node.pods.setUp(request, signal);
    const found = await plane.client.get(
      kinds.pods,
      { namespace: 'default', name: pod.metadata.name ?? '' },
      { signal },
    );
    const status = JSON.parse(found.metadata.annotations?.['k8s.v1.cni.cncf.io/network-status'] ?? '[]') as {
      name: string;
      interface: string;
      ips: string[];
      mac: string;
      default: boolean;
    }[];
    return { netns, request, ips, status };
  }

  const ping = (netns: string, address: string) => lan.run(netns, 'busybox', 'ping', '-c1', '-W2', address);
  const office: Network['spec'] = {
    driver: 'macvlan',
    subnets: [
      { subnet: '192.168.50.0/24', range: '192.168.50.128/25', auxiliaryAddresses: { neighbour: '192.168.50.9' } },
    ],
    options: { parent: 'eth0' },
  };

  it('have an interface for each, and neighbours on a LAN see them under the address and MAC that they asked for', async () => {
    await aNetwork('office', office);
    await aNetwork('backend', { driver: 'bridge', subnets: [{ subnet: '10.5.0.0/24' }] });
    const lanElement = { name: 'office', ips: ['192.168.50.20'], mac: '02:00:00:00:00:20', interface: 'lan0' };
    const annotations = { [networksKey]: JSON.stringify([{ name: 'backend' }, lanElement]) };
    const pod = await aPod('one', nodes.a, annotations);
    const { netns, request, ips, status } = await connected(pod, nodes.a);
    expect(ips).toEqual(['10.64.0.2']);
    expect(status.map((each) => [each.name, each.interface, each.default])).toEqual([
      ['default', 'eth0', true],
      ['backend', 'net1', false],
      ['office', 'lan0', false],
    ]);
    expect(status[2]).toMatchObject({ ips: ['192.168.50.20'], mac: '02:00:00:00:00:20' });
    await ping(neighbour, '192.168.50.20');
    expect(await lan.run(neighbour, 'ip', 'neigh', 'show', '192.168.50.20')).toContain('02:00:00:00:00:20');

    const other = await connected(await aPod('two', nodes.a, { [networksKey]: 'backend' }), nodes.a);
    await ping(netns, other.status[1]?.ips[0] ?? '');
    const held = (await plane.client.list(kinds.networkAddresses, { signal })).items as NetworkAddress[];
    expect(held.map(({ metadata, spec }) => [metadata.name, spec.pod.name])).toEqual([['office.192.168.50.20', 'one']]);

    await nodes.a.pods.tearDown(other.request, signal);
    await nodes.a.pods.tearDown(request, signal);
    await nodes.a.pods.tearDown(request, signal);
    const links = await nodes.a.host.ipShow(['link', 'show'], { signal });
    expect(links.map(({ ifname }) => String(ifname)).filter((name) => /^sw[0-9a-f]{11}$/.test(name))).toEqual([]);
  });

  it('get addresses from blocks that their nodes hold, never one twice', async () => {
    await aNetwork('office', {
      ...office,
      subnets: [{ subnet: '192.168.50.0/24', range: '192.168.50.128/29', nodePrefixLength: 30 }],
    });
    const asked = { [networksKey]: 'office' };
    const given: string[] = [];
    for (const [i, node] of [nodes.a, nodes.b, nodes.a, nodes.b].entries()) {
      const { status } = await connected(await aPod(`p${i}`, node, asked), node);
      given.push(status[1]?.ips[0] ?? '');
    }
    expect(new Set(given).size).toBe(4);
    const claims = (await plane.client.list(kinds.networkSubnets, { signal })).items as NetworkSubnet[];
    expect(claims.map(({ spec }) => spec.nodeName).sort()).toEqual(['a', 'b']);
    for (const i of [4, 5]) await connected(await aPod(`p${i}`, nodes.a, asked), nodes.a);
    const before = await lan.kernelObjects(nodes.a.netns);
    const late = await aPod('late', nodes.a, asked);
    await expect(connected(late, nodes.a)).rejects.toThrow(
      'Network office has no addresses left: 2 nodes hold all of 192.168.50.128/29 (kubectl get networksubnets); add a subnet, or widen',
    );
    expect(await lan.kernelObjects(nodes.a.netns)).toBe(before);
  });

  it('hold a static address until they are gone, wherever they come back', async () => {
    await aNetwork('office', office);
    const annotations = { [networksKey]: 'office', 'slipway.dev/addresses': 'office=192.168.50.30-192.168.50.32' };
    const labels = { 'apps.kubernetes.io/pod-index': '1' };
    const first = await connected(await aPod('db-1', nodes.a, annotations, labels), nodes.a);
    expect(first.status[1]?.ips).toEqual(['192.168.50.31']);
    const rival = await aPod('rival', nodes.b, { [networksKey]: '[{"name":"office","ips":["192.168.50.31"]}]' });
    const refused = connected(rival, nodes.b);
    await expect(refused).rejects.toThrow(
      'annotation k8s.v1.cni.cncf.io/networks, element 1 (office): address 192.168.50.31 of Network office is held by pod default/db-1 on node a: it is free when that pod is gone',
    );
    await nodes.a.pods.tearDown(first.request, signal);
    await plane.client.delete(kinds.pods, { namespace: 'default', name: 'db-1' }, { signal, gracePeriodSeconds: 0 });
    await plane.until(kinds.networkAddresses, { name: 'office.192.168.50.31' }, (found) => found === undefined);
    const back = await connected(await aPod('db-1', nodes.b, annotations, labels), nodes.b);
    expect(back.status[1]?.ips).toEqual(['192.168.50.31']);
    await ping(neighbour, '192.168.50.31');
  });

  it('leave nothing on a machine that leaves the cluster', async () => {
    await aNetwork('backend', { driver: 'bridge', subnets: [{ subnet: '10.5.0.0/24' }] });
    await aNetwork('island', { driver: 'macvlan', subnets: [{ subnet: '10.6.0.0/24' }] });
    const { host, directory } = nodes.a;
    const { status } = await connected(await aPod('one', nodes.a, { [networksKey]: 'backend,island' }), nodes.a);
    expect(status).toHaveLength(3);
    const record = createSysctlRecord(clusterId, join(directory, 'sysctl'));
    await removeNetwork({ clusterId, directory: join(directory, 'network'), host, record, signal });
    const links = await host.ipShow(['link', 'show'], { signal });
    expect(links.map(({ ifname }) => String(ifname)).filter((name) => name.startsWith('sw'))).toEqual([]);
    expect(await lan.run(nodes.a.netns, 'nft', 'list', 'tables')).not.toContain(clusterId);
  });

  it('give back blocks of addresses that nobody has used for a while', async () => {
    await aNetwork('backend', { driver: 'bridge', subnets: [{ subnet: '10.5.0.0/24' }] });
    const one = await connected(await aPod('one', nodes.a, { [networksKey]: 'backend' }), nodes.a);
    const clock = new VirtualClock();
    const stop = new AbortController();
    const running = nodes.a.pods.run(clock, stop.signal);
    const minutesGo = async () => {
      for (let i = 0; i < 3; i++) {
        await clock.advance(60_000);
        await systemClock.sleep(100, signal); // the API server answers in real time
      }
    };
    await minutesGo();
    expect((await plane.client.list(kinds.networkSubnets, { signal })).items).toHaveLength(1);
    await nodes.a.pods.tearDown(one.request, signal);
    await minutesGo();
    expect((await plane.client.list(kinds.networkSubnets, { signal })).items).toEqual([]);
    stop.abort();
    await running;
    const again = await connected(await aPod('again', nodes.a, { [networksKey]: 'backend' }), nodes.a);
    expect(again.status[1]?.ips).toHaveLength(1);
  });

  it('are disconnected after a crash without any API server, and what is left of them is found', async () => {
    await aNetwork('backend', { driver: 'bridge', subnets: [{ subnet: '10.5.0.0/24' }] });
    const { request } = await connected(await aPod('one', nodes.a, { [networksKey]: 'backend' }), nodes.a);
    const second = await connected(await aPod('two', nodes.a, { [networksKey]: 'backend' }), nodes.a);
    const cluster = { clusterId, clusterCidr: '10.64.0.0/16', serviceCidr: '10.96.0.0/16', ownServiceIps: [] };
    const directory = join(nodes.a.directory, 'network');
    const after = new PodNetwork(
      { host: nodes.a.host, exec, log: silentLogger },
      { cluster, directory, binPath: [], env: {}, nodeNetns: nodes.a.netns },
    );
    await after.start(undefined, signal);
    await after.tearDown(request, signal);
    await after.collectGarbage([], signal);
    const links = await nodes.a.host.ipShow(['link', 'show'], { signal });
    expect(links.map(({ ifname }) => String(ifname)).filter((name) => /^sw[0-9a-f]{11}$/.test(name))).toEqual([]);
    await expect(lan.run(second.netns, 'ip', 'link', 'show', 'net1')).rejects.toThrow();
  });

  it('may have another network in place of the cluster network, or none, or send everything another way', async () => {
    await aNetwork('backend', { driver: 'bridge', subnets: [{ subnet: '10.5.0.0/24' }] });
    await aNetwork('nothing', { driver: 'none' });
    const replaced = await connected(await aPod('one', nodes.a, { 'slipway.dev/default-network': 'backend' }), nodes.a);
    expect(replaced.ips).toEqual([replaced.status[0]?.ips[0]]);
    expect(await lan.run(replaced.netns, 'ip', 'route')).toContain('default via 10.5.0.1 dev eth0');
    const alone = await connected(
      await aPod('two', nodes.a, { 'v1.multus-cni.io/default-network': 'nothing' }),
      nodes.a,
    );
    expect(alone).toMatchObject({ ips: [], status: [] });
    expect((await lan.run(alone.netns, 'ip', '-br', 'link')).trim().split('\n')).toHaveLength(1);
    const annotations = { [networksKey]: '[{"name":"backend","default-route":["10.5.0.1"]}]' };
    const routed = await connected(await aPod('three', nodes.a, annotations), nodes.a);
    const routes = await lan.run(routed.netns, 'ip', 'route');
    expect(routes).toContain('default via 10.5.0.1 dev net1');
    expect(routes).toContain('10.64.0.0/16 via 10.64.0.1 dev eth0');
    expect(routes.match(/default/g)).toHaveLength(1);
  });

  it('join what an attachment definition of their namespace says', async () => {
    const config = {
      cniVersion: '1.0.0',
      plugins: [
        {
          type: 'bridge',
          bridge: 'swlab',
          isGateway: true,
          capabilities: { mac: true },
          ipam: { type: 'host-local', subnet: '10.7.0.0/24', dataDir: join(lan.directory, 'lab') },
        },
      ],
    };
    await aDefinition('lab', JSON.stringify(config));
    const asked = { [networksKey]: '[{"name":"lab","ips":["10.7.0.50"],"mac":"02:00:00:00:00:50"}]' };
    const { status } = await connected(await aPod('one', nodes.a, asked), nodes.a);
    expect(status[1]).toMatchObject({ name: 'default/lab', ips: ['10.7.0.50'], mac: '02:00:00:00:00:50' });
  });

  it('start with nothing half built when a network cannot be joined, and say why', async () => {
    await aNetwork('backend', { driver: 'bridge', subnets: [{ subnet: '10.5.0.0/24' }] });
    await aNetwork('closed', {
      driver: 'bridge',
      namespaceSelector: { matchLabels: { team: 'red' } },
      subnets: [{ subnet: '10.6.0.0/24' }],
    });
    await aNetwork('gone', { ...office, options: { parent: 'eth7' }, subnets: [{ subnet: '192.168.51.0/24' }] });
    await aNetwork('host', { driver: 'host' });
    const configs = {
      malformed: '{"cniVersion"',
      incomplete: '{"cniVersion":"1.0.0","name":"x"}',
      foreign: '{"cniVersion":"1.0.0","type":"no-such-plugin"}',
    };
    for (const [name, config] of Object.entries(configs)) await aDefinition(name, config);
    // The bridge of a network stays once it was used.
    const first = await connected(await aPod('first', nodes.a, { [networksKey]: 'backend' }), nodes.a);
    await nodes.a.pods.tearDown(first.request, signal);
    const before = await lan.kernelObjects(nodes.a.netns);
    const cases: readonly (readonly [string, string])[] = [
      ['nowhere', 'neither a NetworkAttachmentDefinition default/nowhere nor a Network nowhere: create one'],
      ['default/backend', 'the Network backend has no namespace: write backend alone'],
      ['closed', 'is not open to pods of namespace default: its labels do not match spec.namespaceSelector (team=red)'],
      ['host', 'set spec.hostNetwork: true in the pod instead'],
      ['gone', 'eth7'],
      [
        '[{"name":"backend","ips":["10.5.0.200"]}]',
        'is in the range that nodes give out by themselves (10.5.0.128/25)',
      ],
      ['malformed', 'NetworkAttachmentDefinition default/malformed: spec.config is no valid JSON'],
      ['incomplete', 'NetworkAttachmentDefinition default/incomplete: spec.config: no plugins in list'],
      ['foreign', 'default/foreign: '],
      ['[{"name":"backend","ips":["10.9.0.2"]}]', '10.9.0.2 is in none of its subnets (10.5.0.0/24)'],
      ['[{"name":"backend","default-route":["10.77.0.1"]}]', 'default-route 10.77.0.1'],
    ];
    for (const [i, [text, message]] of cases.entries()) {
      const asked = text.startsWith('[') || text === 'default/backend' ? text : `backend,${text}`;
      const pod = await aPod(`bad${i}`, nodes.a, { [networksKey]: asked });
      const netns = await lan.addNetns();
      await expect(nodes.a.pods.setUp(requestFor(pod, netns), signal)).rejects.toThrow(message);
      expect(await lan.run(netns, 'ip', '-br', 'link')).not.toMatch(/eth0|net1/);
    }
    expect(await lan.kernelObjects(nodes.a.netns)).toBe(before);
  });
});
