/** The cluster's own network over three nodes, the third one behind a router. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';
import type { ClusterNode } from '../harness/nodes/node.ts';

/** Longer than an agent needs to notice that its machine has another address. */
const settleMs = 12_000;

/** Answers whom it sees. */
const whoAsks = [
  'mkdir -p /www/cgi-bin',
  "printf '#!/bin/sh\\necho; echo $REMOTE_ADDR\\n' > /www/cgi-bin/who",
  'chmod +x /www/cgi-bin/who',
  'exec httpd -f -p 0.0.0.0:8080 -h /www',
].join('; ');

/** The last line of the answer is the body. Not wget: a static busybox may crash when it looks for names. */
const question = (ip: string, port: number) =>
  `printf 'GET /cgi-bin/who HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${ip} ${port} | tail -n 1`;

describeWith(missingCapability(containerNeeds), 'pods of several nodes', () => {
  let cluster: NodeCluster;
  let ips: string[];

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: [0, 0, 1] });
    await cluster.loadExampleImage('localhost/web:1');
    ips = await Promise.all(cluster.nodes.map((node) => startPod(`on-${node.name}`, node.name)));
  });
  afterAll(() => cluster?.remove());

  async function startPod(name: string, nodeName: string, network?: string): Promise<string> {
    const container = { name: 'main', image: 'localhost/web:1', command: ['sh', '-c', whoAsks] };
    const spec = { nodeName, terminationGracePeriodSeconds: 0, containers: [container] };
    const annotations = network ? { 'k8s.v1.cni.cncf.io/networks': network } : {};
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, annotations }, spec });
    await cluster.kubectl(['wait', `pod/${name}`, '--for=condition=Ready', '--timeout=30s']);
    return (await cluster.kubectl(['get', 'pod', name, '-o', 'jsonpath={.status.podIP}'])).trim();
  }
  const ask = (pod: string, ip: string, port = 8080) =>
    cluster.kubectl(['exec', pod, '--', 'sh', '-c', question(ip, port)]);
  const routes = async (node: ClusterNode) => (await node.machine.exec('ip', 'route')).split('\n');
  const allReachAll = async () => {
    for (const [i, { name }] of cluster.nodes.entries()) {
      const questions = ips.map((ip) => question(ip, 8080)).join('; ');
      const seen = await cluster.kubectl(['exec', `on-${name}`, '--', 'sh', '-c', questions]);
      expect(seen).toBe(`${ips[i]}\n`.repeat(ips.length));
    }
  };

  it('reach each other on all nodes, seen with their own addresses', async () => {
    await eventually('every pod reaches every pod', allReachAll, settleMs);
  });

  it('are reached by nodes, by service addresses, and with packets as large as they may be', async () => {
    const [one] = cluster.nodes;
    expect(await one?.machine.exec('sh', '-c', question(ips[2] ?? '', 8080).replace('nc', 'busybox nc'))).toBe(
      `${ips[0]?.replace(/\d+$/, '0')}\n`,
    );
    await cluster.kubectl(['exec', 'on-node-1', '--', 'ping', '-c1', '-W2', '-s', '1422', ips[2] ?? '']);
    expect(await cluster.kubectl(['exec', 'on-node-1', '--', 'cat', '/sys/class/net/eth0/mtu'])).toBe('1450\n');
    await cluster.kubectl(['label', 'pod', 'on-node-3', 'app=far']);
    await cluster.kubectl(['create', 'service', 'clusterip', 'far', '--tcp=80:8080']);
    const serviceIp = (await cluster.kubectl(['get', 'svc', 'far', '-o', 'jsonpath={.spec.clusterIP}'])).trim();
    await eventually('the service leads to the other node', async () => {
      expect(await ask('on-node-1', serviceIp, 80)).toBe(`${ips[0]}\n`);
    });
  });

  it('nothing is flooded: what is not written down does not leave the node', async () => {
    const { machine } = cluster.node(0);
    const entries = (await machine.exec('sh', '-c', 'bridge fdb show | grep " dst "')).trim().split('\n');
    expect(entries).toHaveLength(2);
    expect(entries.some((line) => line.startsWith('00:00:00:00:00:00'))).toBe(false);
    expect(await machine.exec('ip', '-d', 'link', 'show', 'type', 'vxlan')).toContain('nolearning');
  });

  describe('in networks of users', () => {
    const addresses: Record<string, string[]> = { blue: [], red: [] };
    const addressIn = async (pod: string, network: string) => {
      const text = await cluster.kubectl([
        ...['get', 'pod', pod, '-o'],
        'jsonpath={.metadata.annotations.k8s\\.v1\\.cni\\.cncf\\.io/network-status}',
      ]);
      const status = JSON.parse(text) as { name: string; ips: string[] }[];
      return status.find(({ name }) => name.endsWith(network))?.ips[0] ?? '';
    };

    beforeAll(async () => {
      const network = (name: string, subnet: string, internal: boolean) => ({
        apiVersion: 'networks.slipway.dev/v1',
        kind: 'Network',
        metadata: { name },
        spec: { driver: 'overlay', internal, subnets: [{ subnet }] },
      });
      await cluster.apply(network('blue', '10.150.0.0/16', false));
      await cluster.apply(network('red', '10.151.0.0/16', true));
      const pods = cluster.nodes.flatMap((node) => ['blue', 'red'].map((name) => ({ node, name })));
      await Promise.all(pods.map(({ node, name }) => startPod(`${name}-${node.name}`, node.name, name)));
      for (const { node, name } of pods) addresses[name]?.push(await addressIn(`${name}-${node.name}`, name));
    });

    it.each(['blue', 'red'])('reach each other over %s on all nodes', async (name) => {
      const ownIps = addresses[name] ?? [];
      expect(new Set(ownIps).size).toBe(3);
      await eventually('every pod reaches every pod', async () => {
        for (const [i, node] of cluster.nodes.entries()) {
          const seen = await cluster.kubectl([
            ...['exec', `${name}-${node.name}`, '--', 'sh', '-c'],
            ownIps.map((ip) => question(ip, 8080)).join('; '),
          ]);
          expect(seen).toBe(`${ownIps[i]}\n`.repeat(3));
        }
      });
    });

    it('are not reached from other networks, and do not reach the node by theirs', async () => {
      const [blue = ''] = addresses.blue ?? [];
      const [red = ''] = addresses.red ?? [];
      const knocks = (pod: string, ip: string, port: number) =>
        cluster.kubectl([
          'exec',
          pod,
          '--',
          'sh',
          '-c',
          `nc -w 1 ${ip} ${port} </dev/null && echo open || echo closed`,
        ]);
      expect(await knocks('blue-node-1', blue, 8080)).toBe('open\n');
      const tries = [knocks('on-node-1', blue, 8080), knocks('blue-node-1', red, 8080), knocks('on-node-2', red, 8080)];
      expect(await Promise.all(tries)).toEqual(['closed\n', 'closed\n', 'closed\n']);
      const { machine } = cluster.node(0);
      const listening = machine.start('busybox', ['httpd', '-f', '-p', '10.151.0.1:9999', '-h', '/run']);
      await eventually('the node listens', () =>
        machine.exec('sh', '-c', 'busybox nc -w 1 10.151.0.1 9999 </dev/null'),
      );
      expect(await knocks('red-node-1', '10.151.0.1', 9999)).toBe('closed\n');
      await listening.end('SIGTERM');
    });

    it('leave no device behind where the last one went', async () => {
      const { machine } = cluster.node(0);
      const devices = async () => (await machine.exec('ip', '-br', 'link', 'show', 'type', 'vxlan')).trim().split('\n');
      expect(await devices()).toHaveLength(3);
      await cluster.kubectl([
        'delete',
        'pods',
        ...cluster.nodes.flatMap(({ name }) => [`red-${name}`, `blue-${name}`]),
      ]);
      await cluster.kubectl(['delete', 'networksubnets', '--all']); // what the nodes do themselves after a minute
      await eventually('their devices, bridges and tables are gone', async () => {
        expect(await devices()).toHaveLength(1);
        expect(await machine.exec('nft', 'list', 'tables')).not.toContain('network.');
        expect(await machine.exec('ip', '-br', 'link', 'show', 'type', 'bridge')).not.toContain('swb');
      });
    });
  });

  it('go on while an agent is dead', async () => {
    const node = cluster.node(1);
    await node.endAgent('SIGKILL');
    await node.machine.exec('busybox', 'ping', '-c1', '-W2', ips[0] ?? '');
    await cluster.node(0).machine.exec('busybox', 'ping', '-c1', '-W2', ips[1] ?? '');
    await node.startAgent();
    await eventually('every pod reaches every pod', allReachAll, settleMs);
  });

  it('follow a node that gets another address', async () => {
    const node = cluster.node(1);
    await node.changeAddress(77);
    await eventually('every pod reaches every pod', allReachAll, settleMs);
    const wide = await cluster.kubectl(['get', 'node', node.name, '-o', 'wide']);
    expect(wide).toContain('192.168.100.77');
  });

  it('forget a node that is deleted, and know it again when it comes back', async () => {
    const [one, gone] = [cluster.node(0), cluster.node(2)];
    await gone.endAgent('SIGTERM');
    await gone.unplug();
    await cluster.kubectl(['delete', 'node', gone.name]);
    await eventually('its way is gone', async () => {
      expect((await routes(one)).filter((line) => line.includes('proto 90'))).toHaveLength(1);
    });
    await gone.plugIn();
    await gone.machine.ip('route replace default via 192.168.101.1');
    await gone.startAgent();
    await cluster.kubectl(['delete', 'pod', 'on-node-3', '--ignore-not-found', '--wait']);
    ips[2] = await startPod('on-node-3', gone.name);
    await eventually('every pod reaches every pod', allReachAll, settleMs);
  });

  it('need no tunnel where nodes share a link; a node behind a router is named', async () => {
    for (const node of cluster.nodes) {
      await node.endAgent('SIGTERM');
      await node.startAgent('--network-backend', 'host-gw');
    }
    const [one, two] = [cluster.node(0), cluster.node(1)];
    await eventually('pods of one link reach each other', async () => {
      expect(await ask('on-node-1', ips[1] ?? '')).toBe(`${ips[0]}\n`);
      expect((await routes(one)).filter((line) => line.includes('proto 90'))).toEqual([
        expect.stringContaining(`via ${two.address} dev eth0`),
      ]);
    });
    expect(await one.machine.exec('ip', 'link', 'show', 'type', 'vxlan')).toBe('');
    expect(one.log).toContain('pods of node node-3 cannot be reached');
  });

  it('leaves nothing behind after slipway down', async () => {
    const node = cluster.node(0);
    await node.endAgent('SIGTERM');
    const ended = await node.slipway(['down', '--purge']);
    expect(ended).toMatchObject({ code: 0 });
    expect((await routes(node)).filter((line) => !line.includes('eth0 proto kernel'))).toEqual([
      expect.stringContaining('default via'),
      '',
    ]);
    expect(await node.machine.exec('ip', '-br', 'link')).not.toContain('sw');
  });
});
