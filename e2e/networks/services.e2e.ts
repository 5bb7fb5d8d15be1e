/** Services as clients outside the cluster and pods on other nodes see them: three nodes on one LAN, real containers. */
import type { Event, Service } from '@slipway/api/types';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';

const timeoutMs = 90_000;
const needs = { ...containerNeeds, programs: [...containerNeeds.programs, 'wrk', 'curl'] };
/** Says which pod answers, to whom. */
const server = [
  'mkdir -p /tmp/w/cgi-bin',
  `printf '#!/bin/sh\\necho; echo "$(hostname) $(echo $REMOTE_ADDR | tr -d [] | sed s/.*://)"\\n' > /tmp/w/cgi-bin/who`,
  'chmod +x /tmp/w/cgi-bin/who; echo ok > /tmp/w/index.html',
  'exec httpd -f -p 8080 -h /tmp/w',
].join('; ');

describeWith(missingCapability(needs), 'services over nodes', () => {
  let cluster: NodeCluster;

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: 3 });
    await cluster.loadExampleImage('localhost/web:1');
    await cluster.apply({ apiVersion: 'v1', kind: 'List', items: [pool, deployment('1'), aService('web', {})] });
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
  }, timeoutMs);
  afterAll(() => cluster?.remove(), timeoutMs);

  const pool = {
    apiVersion: 'networks.slipway.dev/v1',
    kind: 'AddressPool',
    metadata: { name: 'lan' },
    spec: { addresses: ['192.168.100.200-192.168.100.202'] },
  };
  const deployment = (version: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      strategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: { app: 'web' } },
            },
          ],
          containers: [
            {
              name: 'c',
              image: 'localhost/web:1',
              command: ['sh', '-c', server],
              env: [{ name: 'VERSION', value: version }],
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
              lifecycle: { preStop: { sleep: { seconds: 2 } } },
            },
          ],
        },
      },
    },
  });
  const aService = (name: string, spec: object, annotations: Record<string, string> = {}) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, annotations },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  });
  const serviceOf = (name: string) => cluster.get<Service>('service', name);
  const fromOutside = async (url: string) =>
    (await cluster.lan.router.run('curl', ['-s', '-m', '2', `${url}/cgi-bin/who`])).stdout.trim();
  const podOf = (answer: string) => answer.split(' ')[0] ?? '';
  const many = async (ask: () => Promise<string>) => {
    const answers: string[] = [];
    for (let i = 0; i < 20; i++) answers.push(await ask());
    return answers;
  };
  const eventsOf = async (name: string) => {
    const { items } = await cluster.get<{ items: Event[] }>('events', `--field-selector=involvedObject.name=${name}`);
    return items.map(({ reason, message }) => `${reason}: ${message}`);
  };
  const addressOf = (name: string) =>
    eventually(`an address for ${name}`, async () => {
      const [first] = (await serviceOf(name)).status?.loadBalancer?.ingress ?? [];
      expect(first?.ip).toBeDefined();
      return first?.ip ?? '';
    });

  it('have pods on all nodes behind a ClusterIP, from each node', async () => {
    const { spec } = await serviceOf('web');
    for (const node of cluster.nodes) {
      await eventually(`${node.name} to have the rules`, async () => {
        const ask = () => node.machine.exec('curl', '-s', '-m', '2', `http://${spec.clusterIP}/cgi-bin/who`);
        expect(new Set((await many(ask)).map(podOf)).size).toBe(3);
      });
    }
  });

  it('are reached by node ports from outside; with the policy Local the address of the client is kept', async () => {
    await cluster.apply(aService('nodes', { type: 'NodePort' }));
    const port = (await serviceOf('nodes')).spec.ports?.[0]?.nodePort;
    const url = (i: number) => `http://${cluster.node(i).address}:${port}`;
    await eventually('the node port to answer', async () => {
      expect(new Set((await many(() => fromOutside(url(0)))).map(podOf)).size).toBe(3);
    });
    await cluster.apply(aService('nodes', { type: 'NodePort', externalTrafficPolicy: 'Local' }));
    for (const i of [0, 1, 2]) {
      await eventually('the policy to hold', async () => {
        const answers = await many(() => fromOutside(url(i)));
        expect(new Set(answers).size).toBe(1);
        expect(answers[0]).toMatch(/ 192\.168\.100\.1$/);
      });
    }
  });

  it(
    'get an address of the LAN, which another node answers for when the first is lost',
    async () => {
      await cluster.apply(aService('balanced', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }));
      const ip = await addressOf('balanced');
      await eventually('the address to answer', async () => {
        expect(await fromOutside(`http://${ip}`)).toMatch(/ 192\.168\.100\.1$/);
      });
      const { annotations } = (await serviceOf('balanced')).metadata;
      const [holder] = annotations?.['slipway.dev/announced-by']?.split(',') ?? [];
      const described = await cluster.kubectl(['describe', 'service', 'balanced']);
      expect(described).toContain(`Assigned ${ip} from AddressPool lan`);
      expect(described).toContain(`announcing from node "${holder}" by ARP`);
      expect(await cluster.kubectl(['get', 'pool', 'lan'])).toMatch(/192.168.100.200-192.168.100.202.*1 +2 +True/);

      // Nothing but services is reached by it.
      const ssh = await cluster.lan.router.run('curl', ['-s', '-m', '2', `http://${ip}:10250/`]);
      expect(ssh.code).toBe(7);
      const node = cluster.nodes.find(({ name }) => name === holder);
      const answering = podOf(await fromOutside(`http://${ip}`));
      await node?.unplug();
      const begin = performance.now();
      await eventually('another node to answer', async () => {
        const answer = await fromOutside(`http://${ip}`);
        expect(answer).toMatch(/ 192\.168\.100\.1$/);
        expect(podOf(answer)).not.toBe(answering);
      });
      expect(performance.now() - begin).toBeLessThan(10_000);
      await node?.plugIn();
      await eventually('the first node to answer again', async () => {
        expect(podOf(await fromOutside(`http://${ip}`))).toBe(answering);
      });
    },
    timeoutMs,
  );

  it(
    'answer every request of a rolling update',
    async () => {
      await cluster.apply(aService('rolling', { type: 'LoadBalancer' }));
      const ip = await addressOf('rolling');
      await eventually('the address to answer', async () => {
        expect(await fromOutside(`http://${ip}`)).not.toBe('');
      });
      const wrk = cluster.lan.router.run('wrk', ['-t1', '-c8', '-d9s', '--timeout', '5s', `http://${ip}/index.html`]);
      await cluster.apply(deployment('2'));
      await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s']);
      const { stdout } = await wrk;
      expect(stdout).toMatch(/Requests\/sec: +[1-9]/);
      expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
    },
    timeoutMs,
  );

  it('say what is wrong', async () => {
    await cluster.apply(aService('outside', { type: 'LoadBalancer', loadBalancerIP: '203.0.113.7' }));
    await cluster.apply(aService('third', { type: 'LoadBalancer' }));
    await cluster.apply(aService('fourth', { type: 'LoadBalancer' }));
    await cluster.apply({ ...pool, metadata: { name: 'more' }, spec: { addresses: ['192.168.100.202/31'] } });
    const listener = cluster.node(1).machine.start('socat', ['TCP4-LISTEN:30999,fork', 'EXEC:true']);
    await eventually('the listener', () =>
      cluster.node(1).machine.exec('sh', '-c', 'ss -ltn | grep :30999 || grep -q :7917 /proc/net/tcp'),
    );
    await cluster.apply(
      aService('taken', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30_999 }] }),
    );
    await eventually('the events', async () => {
      const outside =
        'AllocationFailed: Failed to allocate an address: the requested address 203.0.113.7 is in no AddressPool';
      expect(await eventsOf('outside')).toContainEqual(expect.stringContaining(outside));
      const exhausted =
        'AllocationFailed: Failed to allocate an address: no free IPv4 address is left in AddressPool lan';
      expect(await eventsOf('fourth')).toContain(exhausted);
      expect(await eventsOf('more')).toContainEqual(
        expect.stringContaining('overlaps with 192.168.100.200-192.168.100.202'),
      );
      expect(await eventsOf('taken')).toContainEqual(
        expect.stringMatching(/^NodePortInUse: on node node-2 process \d+ \(socat\) listens on TCP port 30999 too/),
      );
    });
    await listener.end('SIGTERM');
    const refused = await cluster.kubectlWith('kubectl', ['apply', '-f', '-'], {
      input: JSON.stringify(aService('bad', { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/33'] })),
    });
    expect(refused.stderr).toContain('spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0/33"');
  });

  it('lead from within to the address of a load balancer, and only allowed sources from outside', async () => {
    await cluster.kubectl(['delete', 'service', 'third', 'fourth', 'outside']);
    const only = (loadBalancerSourceRanges: readonly string[]) =>
      cluster.apply(aService('guarded', { type: 'LoadBalancer', loadBalancerSourceRanges }));
    await only(['192.168.100.1/32']);
    const ip = await addressOf('guarded');
    await eventually('the address to answer', async () => {
      expect(await fromOutside(`http://${ip}`)).not.toBe('');
    });
    await only(['203.0.113.0/24']);
    await eventually('nobody to be let in', async () => {
      expect(await fromOutside(`http://${ip}`)).toBe('');
    });
    await only(['10.64.0.0/16']);
    const ask = `printf 'GET /index.html HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${ip} 80`;
    await eventually('pods to be let in', async () => {
      const args = ['exec', 'deployment/web', '--', 'sh', '-c', ask];
      expect((await cluster.kubectlWith('kubectl', args)).stdout).toMatch(/ok\n$/);
    });
  });
});
