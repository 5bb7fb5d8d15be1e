/** Pods as machines of the LAN that their nodes are on: macvlan over two nodes, seen from the switch. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import type { ClusterNode } from '../harness/nodes/node.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';

const network = (name: string, spec: object) => ({
  apiVersion: 'networks.slipway.dev/v1',
  kind: 'Network',
  metadata: { name },
  spec,
});

const pod = (name: string, nodeName: string, networks: string | readonly object[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    annotations: { 'k8s.v1.cni.cncf.io/networks': typeof networks === 'string' ? networks : JSON.stringify(networks) },
  },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: 'localhost/web:1', command: ['sleep', '3600'] }],
  },
});

describeWith(missingCapability(containerNeeds), 'pods in the LAN of their nodes', () => {
  let cluster: NodeCluster;

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: 2 });
    await cluster.loadExampleImage('localhost/web:1');
    const lan = { subnet: '192.168.100.0/24', range: '192.168.100.128/25', gateway: '192.168.100.1' };
    await cluster.apply(network('office', { driver: 'macvlan', subnets: [lan], options: { parent: 'eth0' } }));
    await cluster.apply(network('vault', { driver: 'macvlan', internal: true, subnets: [{ subnet: '10.77.0.0/24' }] }));
    await cluster.apply(
      network('cellar', { driver: 'macvlan', subnets: [{ subnet: '10.78.0.0/24' }], options: { parent: 'eth7' } }),
    );
  });
  afterAll(() => cluster?.remove());

  const addressOf = async (name: string, link: string): Promise<string> => {
    const { metadata } = await cluster.get<{ metadata: { annotations: Record<string, string> } }>(`pod/${name}`);
    const status = JSON.parse(metadata.annotations['k8s.v1.cni.cncf.io/network-status'] ?? '[]') as {
      interface: string;
      ips: string[];
    }[];
    return status.find((each) => each.interface === link)?.ips[0] ?? '';
  };
  /** A pod's end on the host can have such a name too, and then another link behind an @. */
  const ownParents = async ({ machine }: ClusterNode): Promise<readonly string[]> =>
    (await machine.exec('ip', '-br', 'link')).match(/^swd[0-9a-f]{10}\s/gm) ?? [];
  const ready = (...names: string[]) =>
    cluster.kubectl(['wait', ...names.map((name) => `pod/${name}`), '--for=condition=Ready', '--timeout=60s']);
  const ping = (name: string, address: string) => cluster.kubectl(['exec', name, '--', 'ping', '-c1', '-W2', address]);

  it('gives pods of both nodes addresses of the LAN, never one twice, and lets the LAN reach them', async () => {
    const [one, two] = [cluster.node(0), cluster.node(1)];
    const fixed = [{ name: 'office', ips: ['192.168.100.77'], mac: '02:00:00:00:00:77' }];
    await cluster.apply(pod('a', one.name, 'office'));
    await cluster.apply(pod('b', two.name, 'office'));
    await cluster.apply(pod('c', two.name, fixed));
    await ready('a', 'b', 'c');
    const [a, b] = [await addressOf('a', 'net1'), await addressOf('b', 'net1')];
    expect(a).not.toBe(b);
    for (const address of [a, b]) expect(Number(address.split('.')[3])).toBeGreaterThanOrEqual(128);
    for (const address of [a, b, '192.168.100.77']) {
      await cluster.lan.router.exec('busybox', 'ping', '-c1', '-W2', address);
    }
    expect(await cluster.lan.router.exec('ip', 'neigh', 'show', '192.168.100.77')).toContain('02:00:00:00:00:77');
    await ping('a', b);
    await ping('b', '192.168.100.77');
    // The other node is in the LAN; the own one is behind its pods' parent, and does not see them.
    await ping('a', two.address);
    await expect(one.machine.exec('busybox', 'ping', '-c1', '-W1', a)).rejects.toThrow();
  });

  it('gives a network without a parent one on each node, which goes with the last pod', async () => {
    const node = cluster.node(0);
    await cluster.apply(pod('d', node.name, 'vault'));
    await cluster.apply(pod('e', node.name, 'vault'));
    await ready('d', 'e');
    await ping('d', await addressOf('e', 'net1'));
    expect(await ownParents(node)).toHaveLength(1);
    await cluster.kubectl(['delete', 'pod', 'd', 'e']);
    await eventually('the parent to go', async () => {
      expect(await ownParents(node)).toEqual([]);
    });
  });

  it('tells the pod when the node has no such parent', async () => {
    await cluster.apply(pod('f', cluster.node(1).name, 'cellar'));
    await eventually('the event', async () => {
      const { items } = await cluster.get<{ items: { reason: string; message: string }[] }>(
        'events',
        '--field-selector=involvedObject.name=f,reason=FailedCreatePodSandBox',
      );
      expect(items[0]?.message).toContain('parent: eth7 does not exist on this node');
    });
    expect(await cluster.node(1).machine.exec('ip', '-br', 'link')).not.toContain('eth7');
    await cluster.kubectl(['delete', 'pod', 'f', '--force']);
  });
});
