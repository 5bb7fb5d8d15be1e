/** What every scenario with several nodes stands on. */
import { existsSync } from 'node:fs';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { run } from '../harness/kubectl.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';

describeWith(missingCapability(containerNeeds), 'several nodes on one machine', () => {
  let cluster: NodeCluster;

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: [0, 1] });
    await cluster.loadExampleImage('localhost/web:1');
  });
  afterAll(() => cluster?.remove());

  const podList = (items: readonly object[]) => ({ apiVersion: 'v1', kind: 'List', items });
  /** Has the machine's own programs, and says its name at the ports, by TCP and UDP. */
  const aPod = (
    name: string,
    node: number,
    { hostNetwork = false, ports, serves }: { hostNetwork?: boolean; ports: object[]; serves: number[] },
  ) => {
    const servers = serves.flatMap((port) =>
      ['TCP4-LISTEN', 'UDP4-RECVFROM'].map((kind) => `socat ${kind}:${port},fork SYSTEM:'echo ${name}' &`),
    );
    const container = {
      name: 'main',
      image: 'localhost/web:1',
      command: ['chroot', '/machine', 'sh', '-c', `${servers.join(' ')} while :; do sleep 1; done`],
      ports,
      volumeMounts: [{ name: 'machine', mountPath: '/machine' }],
    };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        nodeName: cluster.node(node).name,
        hostNetwork,
        terminationGracePeriodSeconds: 0,
        containers: [container],
        volumes: [{ name: 'machine', hostPath: { path: '/' } }],
      },
    };
  };
  type Question = readonly [protocol: 'TCP4' | 'UDP4', ip: string, port: number];
  /** What each says who is asked; asked again while nobody answers. */
  const ask = async (pod: string, ...questions: readonly Question[]) => {
    const lines = questions.map(([protocol, ip, port]) => {
      const once = `said=$(echo q | socat -T0.3 - ${protocol}:${ip}:${port} 2>/dev/null)`;
      return `for i in 1 2 3 4 5; do ${once}; [ -n "$said" ] && break; sleep 0.2; done; echo "$said"`;
    });
    const script = ['exec', pod, '--', 'chroot', '/machine', 'sh', '-c', lines.join('\n')];
    return (await cluster.kubectl(script)).trim().split('\n');
  };

  it('gives each its own network, processes and name, and the LAN in between', async () => {
    const [one, two] = [cluster.node(0), cluster.node(1)];
    expect(await one.machine.exec('hostname')).toBe('node-1\n');
    await one.machine.exec('busybox', 'ping', '-c1', '-W2', two.address);
    await cluster.lan.router.exec('busybox', 'ping', '-c1', '-W2', two.address);
    expect(await two.machine.exec('busybox', 'ps')).not.toContain('apiserver');
    const { items } = await cluster.get<{ items: { status: { addresses: unknown[] } }[] }>('nodes');
    expect(items.map(({ status }) => status.addresses)).toEqual([
      expect.arrayContaining([{ type: 'InternalIP', address: one.address }]),
      expect.arrayContaining([{ type: 'InternalIP', address: two.address }]),
    ]);
  });

  it('lets pods of a node and pods behind it talk, by TCP and UDP', async () => {
    const names = ['pod-1', 'pod-2', 'node-pod-1', 'node-pod-2'];
    await cluster.apply(
      podList(
        names.map((name, i) => aPod(name, i % 2, { hostNetwork: i >= 2, ports: [], serves: i < 2 ? [8080] : [] })),
      ),
    );
    await Promise.all(
      names.map((name) => cluster.kubectl(['wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s'])),
    );
    const addressOf = (name: string) => cluster.kubectl(['get', 'pod', name, '-o', 'jsonpath={.status.podIP}']);
    const [one, two] = await Promise.all(['pod-1', 'pod-2'].map(addressOf));
    for (const from of names) {
      const said = await ask(
        from,
        ...[one, two].flatMap((ip = ''): Question[] => [
          ['TCP4', ip, 8080],
          ['UDP4', ip, 8080],
        ]),
      );
      expect([from, said]).toEqual([from, ['pod-1', 'pod-1', 'pod-2', 'pod-2']]);
    }
  });

  it('gives one host port to three pods that differ in address or protocol', async () => {
    const { address, name } = cluster.node(0);
    const hostPort = 54323;
    const pods = [
      aPod('local-tcp', 0, { ports: [{ containerPort: 8080, hostPort, hostIP: '127.0.0.1' }], serves: [8080] }),
      aPod('node-tcp', 0, { ports: [{ containerPort: 8080, hostPort, hostIP: address }], serves: [8080] }),
      aPod('node-udp', 0, {
        ports: [{ containerPort: 8080, hostPort, hostIP: address, protocol: 'UDP' }],
        serves: [8080],
      }),
    ].map(({ spec, ...pod }) => ({
      ...pod,
      spec: { ...spec, nodeName: undefined, nodeSelector: { 'kubernetes.io/hostname': name } }, // the scheduler decides
    }));
    await cluster.apply(podList(pods));
    await cluster.kubectl([
      'wait',
      'pod/local-tcp',
      'pod/node-tcp',
      'pod/node-udp',
      '--for=condition=Ready',
      '--timeout=60s',
    ]);
    expect(await ask('node-pod-1', ['TCP4', '127.0.0.1', hostPort])).toEqual(['local-tcp']);
    for (const from of ['node-pod-1', 'node-pod-2', 'pod-2']) {
      const said = await ask(from, ['TCP4', address, hostPort], ['UDP4', address, hostPort]);
      expect([from, said]).toEqual([from, ['node-tcp', 'node-udp']]);
    }
    await cluster.kubectl(['delete', 'pod', '--all', '--wait=true']);
  });

  it('runs containers that outlive their agent, and takes everything along in the end', async () => {
    const node = cluster.node(1);
    const container = { name: 'main', image: 'localhost/web:1', command: ['sleep', '3600'] };
    const spec = { nodeName: node.name, terminationGracePeriodSeconds: 0, containers: [container] };
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'sleeper' }, spec });
    await cluster.kubectl(['wait', 'pod/sleeper', '--for=condition=Ready', '--timeout=30s']);
    await node.endAgent('SIGKILL');
    expect(await node.machine.exec('busybox', 'ps')).toContain('sleep 3600');
    await node.startAgent();
    await eventually('exec through the new agent', async () => {
      expect(await cluster.kubectl(['exec', 'sleeper', '--', 'echo', 'inside'])).toBe('inside\n');
    });
    const { items } = await cluster.get<{ items: { metadata: { uid: string } }[] }>('pods');
    const { pid } = node.machine;
    await cluster.remove();
    expect(existsSync(`/proc/${pid}`)).toBe(false);
    expect(existsSync(cluster.dataDir)).toBe(false);
    const { stdout } = await run('find', ['/sys/fs/cgroup', '-path', `*pod${items[0]?.metadata.uid}*`]);
    expect(stdout).toBe('');
  });
});
