/** Network policies as a user applies them, over nodes whose agents have the rights of their node and no more. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';

const serve = 'mkdir -p /tmp/w; echo served >/tmp/w/index.html; httpd -p 8080 -h /tmp/w; while :; do sleep 1; done';
const timeoutMs = 90_000;

describeWith(missingCapability(containerNeeds), 'network policies over nodes', () => {
  let cluster: NodeCluster;
  const ips: Record<string, string> = {};

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: 2 });
    await cluster.loadExampleImage('localhost/web:1');
    await cluster.apply(podList([aPod('server', 0), aPod('near', 0), aPod('far', 1), aPod('other', 1)]));
    await cluster.kubectl(['wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s']);
    const { items } = await cluster.get<{ items: { metadata: { name: string }; status: { podIP: string } }[] }>('pods');
    for (const { metadata, status } of items) ips[metadata.name] = status.podIP;
  }, timeoutMs);
  afterAll(() => cluster?.remove(), timeoutMs);

  const podList = (items: readonly object[]) => ({ apiVersion: 'v1', kind: 'List', items });
  const aPod = (name: string, node: number, command = serve) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName: cluster.node(node).name,
      terminationGracePeriodSeconds: 0,
      restartPolicy: 'Never',
      containers: [
        {
          name: 'c',
          image: 'localhost/web:1',
          command: ['sh', '-c', command],
          ports: [{ name: 'web', containerPort: 8080 }],
        },
      ],
    },
  });
  const aPolicy = (name: string, spec: object) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name },
    spec,
  });
  const ask = (ip: string | undefined) => `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 ${ip} 8080`;
  const reached = async (from: string, to: string) => {
    const ran = await cluster.kubectlWith('kubectl', ['exec', from, '--', 'sh', '-c', ask(ips[to])]);
    return ran.stdout.includes('served');
  };
  /** All at once; those that are not to be reached by then cost a second. */
  const expectReached = (expected: Readonly<Record<string, boolean>>) =>
    eventually('the policies to hold', async () => {
      const pairs = Object.keys(expected).map((pair) => pair.split(' → ') as [string, string]);
      const answers = await Promise.all(pairs.map(([from, to]) => reached(from, to)));
      expect(Object.fromEntries(pairs.map((pair, i) => [pair.join(' → '), answers[i]]))).toEqual(expected);
    });

  it('let in whom they name, from this node and from others', async () => {
    await expectReached({ 'near → server': true, 'far → server': true, 'other → server': true });
    const from = [{ podSelector: { matchLabels: { app: 'far' } } }];
    await cluster.apply(
      aPolicy('server', {
        podSelector: { matchLabels: { app: 'server' } },
        ingress: [{ from, ports: [{ port: 'web' }] }],
      }),
    );
    await expectReached({ 'near → server': false, 'far → server': true, 'other → server': false });
    expect(await cluster.node(0).machine.exec('curl', '-s', `http://${ips.server}:8080/`)).toBe('served\n');
    await cluster.kubectl(['label', 'pod', 'far', 'app=former', '--overwrite']);
    await cluster.kubectl(['label', 'pod', 'other', 'app=far', '--overwrite']);
    await expectReached({ 'far → server': false, 'other → server': true });
    expect(await cluster.kubectl(['describe', 'networkpolicy', 'server'])).toContain('To Port: web/TCP');
  });

  it('hold for a new pod from its first instant', async () => {
    await cluster.apply(
      aPolicy('no-egress', { podSelector: { matchLabels: { app: 'eager' } }, policyTypes: ['Egress'], egress: [] }),
    );
    const eager = `i=0; while [ $i -lt 2 ]; do i=$((i+1)); nc -w 1 ${ips.near} 8080 </dev/null && echo reached; done; true`;
    await cluster.apply(podList([aPod('eager', 0, eager)]));
    await cluster.kubectl(['wait', 'pod/eager', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=30s']);
    expect(await cluster.kubectl(['logs', 'eager'])).not.toContain('reached');
  });

  it('hold while the agent and the API server are away, and are followed again afterwards', async () => {
    await cluster.endControl('SIGKILL');
    await cluster.node(0).endAgent('SIGKILL');
    const inside = (from: string) => cluster.node(1).machine.run('sh', ['-c', `nc -w 1 ${from} 8080 </dev/null`]);
    expect((await inside(ips.server ?? '')).code).not.toBe(0);
    await cluster.startControl();
    await cluster.node(0).startAgent();
    await expectReached({ 'far → server': false, 'other → server': true });
    await cluster.kubectl(['delete', 'networkpolicy', '--all']);
    await expectReached({ 'near → server': true, 'far → server': true });
  });
});
