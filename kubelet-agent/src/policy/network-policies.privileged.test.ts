import type { Namespace, NetworkPolicy, NetworkPolicySpec, Pod } from '@slipway/api/types';
import { describeWithNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { spawn } from '@slipway/kit/spawn';
import fc from 'fast-check';
import { isAllowed, type Packet } from './testing/naive-model.ts';
import { clusterId, PolicyNode, type TestPod } from './testing/policy-node.ts';
import { clusterArbitrary, namespaceFrom } from './testing/random-cluster.ts';

const ports = [80, 8080, 53];
const askedPorts = [80, 53];

describeWithNetwork('NetworkPolicies', () => {
  let node: PolicyNode;
  let one: TestPod;
  let two: TestPod;
  let three: TestPod;
  const outsideIp = '192.168.77.2';

  beforeAll(async () => {
    node = await PolicyNode.create();
    [one, two, three] = [
      await node.addPod('pod-0', ports),
      await node.addPod('pod-1', ports),
      await node.addPod('pod-2', ports),
    ];
    await addOutside();
  });
  afterAll(() => node?.remove());

  const aPod = ({ name, ip }: TestPod, app: string, more: Partial<Pod['metadata']> = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns-a', uid: `uid-${name}`, labels: { app }, ...more },
    spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 8080 }] }] },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  });
  const namespaces: Namespace[] = [namespaceFrom('ns-a', { team: 'a' }), namespaceFrom('ns-b', { team: 'b' })];
  const allPods = () => [aPod(one, 'one'), aPod(two, 'two'), aPod(three, 'three')];
  const aPolicy = (spec: Partial<NetworkPolicySpec>): NetworkPolicy => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'policy', namespace: 'ns-a' },
    spec: { podSelector: { matchLabels: { app: 'one' } }, policyTypes: ['Ingress'], ...spec },
  });
  const apply = async (policies: readonly NetworkPolicy[], pods = allPods()) => {
    node.tell({ policies, pods, namespaces });
    return node.policies.apply(neverAborted);
  };
  type Question = readonly [from: TestPod, to: string, port: number, protocol?: 'TCP' | 'UDP'];
  /** All at once. A packet that is dropped is waited for. */
  const expectReached = async (reached: readonly Question[], unreached: readonly Question[]) => {
    const packetOf = ([{ ip }, to, port, protocol = 'TCP']: Question): Packet => ({ from: ip, to, port, protocol });
    const [wanted, unwanted] = [reached.map(packetOf), unreached.map(packetOf)];
    const answered = await node.answered([...wanted, ...unwanted], (packet) => wanted.includes(packet));
    expect([...answered]).toEqual(expect.arrayContaining(wanted));
    expect(unwanted.filter((packet) => answered.has(packet))).toEqual([]);
  };

  it('leaves everybody alone who is not selected', async () => {
    await apply([]);
    await expectReached([[two, one.ip, 80]], []);
    await apply([aPolicy({})]);
    await expectReached(
      [
        [three, two.ip, 80],
        [one, two.ip, 80],
      ],
      [],
    ); // prettier-ignore
  });

  it('denies what comes in, but not from the node, from the pod itself, or in answer to the pod', async () => {
    await apply([aPolicy({})]);
    await expectReached(
      [
        [one, one.ip, 80],
        [one, two.ip, 80],
        [one, two.ip, 53, 'UDP'],
      ],
      [
        [two, one.ip, 80],
        [two, one.ip, 53, 'UDP'],
      ],
    );
    expect(await node.network.fetch(node.network.hostNetns, one.ip, 80)).toMatch(/^pod-0 /);
  });

  it('denies what goes out, but not to the node', async () => {
    await apply([aPolicy({ policyTypes: ['Egress'] })]);
    const stop = node.network.serve(node.network.hostNetns, 81, 'node');
    await node.network.untilServed(node.network.hostNetns, 81);
    await expectReached(
      [
        [two, one.ip, 80],
        [one, '192.168.77.1', 81],
        [one, '10.64.0.1', 81],
      ],
      [
        [one, two.ip, 80],
        [one, outsideIp, 80],
      ],
    );
    await stop();
  });

  it('follows labels of pods and of namespaces, ports by name', async () => {
    const peer = { podSelector: { matchLabels: { app: 'two' } }, namespaceSelector: { matchLabels: { team: 'a' } } };
    const policy = aPolicy({ ingress: [{ from: [peer], ports: [{ port: 'web', protocol: 'TCP' }] }] });
    await apply([policy]);
    await expectReached(
      [[two, one.ip, 8080]],
      [
        [two, one.ip, 80],
        [two, one.ip, 8080, 'UDP'],
        [three, one.ip, 8080],
      ],
    );
    await apply([policy], [aPod(one, 'one'), aPod(two, 'other'), aPod(three, 'two')]);
    await expectReached([[three, one.ip, 8080]], [[two, one.ip, 8080]]);
    node.tell({ namespaces: [namespaceFrom('ns-a', { team: 'c' })] });
    await node.policies.apply(neverAborted);
    await expectReached([], [[three, one.ip, 8080]]);
  });

  it('judges by the address behind a service, and lets a pod reach itself through it', async () => {
    const clusterIp = '10.96.0.50';
    const lead = (to: string) =>
      node.host.nft(
        `add table ip leads
delete table ip leads
table ip leads {
  chain in { type nat hook prerouting priority dstnat; ip daddr ${clusterIp} tcp dport 80 dnat to ${to}:8080; }
  chain out { type nat hook postrouting priority srcnat; ct status dnat ip saddr ${to} ip daddr ${to} masquerade; }
}
`,
        { signal: neverAborted },
      );
    const toBlock = (cidr: string) =>
      aPolicy({ policyTypes: ['Ingress', 'Egress'], egress: [{ to: [{ ipBlock: { cidr } }] }] });
    await lead(two.ip);
    await apply([toBlock(`${clusterIp}/32`)]);
    await expectReached([], [[one, clusterIp, 80]]);
    await apply([toBlock(`${two.ip}/32`)]);
    await expectReached([[one, clusterIp, 80]], []);
    await lead(one.ip);
    await expectReached([[one, clusterIp, 80]], []);
    await node.host.nft('delete table ip leads\n', { signal: neverAborted });
  });

  it('cuts a connection that a policy forbids now, and goes on with one that it allows', async () => {
    await apply([]);
    const echo = spawn('nsenter', [`--net=${one.netns}`, 'socat', 'TCP4-LISTEN:9000,fork', 'EXEC:cat'], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    await node.network.untilServed(one.netns, 9000);
    const [cut, kept] = [talk(two.netns, one.ip, 9000), talk(three.netns, one.ip, 9000)];
    expect([await cut.say('a', 5_000), await kept.say('a', 5_000)]).toEqual([true, true]);
    const onlyThree = [{ podSelector: { matchLabels: { app: 'three' } } }];
    await apply([aPolicy({ policyTypes: ['Ingress', 'Egress'], ingress: [{ from: onlyThree }] })]);
    expect(await kept.say('b', 5_000)).toBe(true);
    expect(await cut.say('b', 600)).toBe(false);
    await apply([]);
    expect(await cut.say('c', 5_000)).toBe(true); // what was lost is sent again
    for (const process of [cut, kept]) process.end();
    echo.kill('SIGKILL');
  });

  it('finds its rules again after a restart, repairs them, and leaves them when nothing differs', async () => {
    const peers = [
      { podSelector: {} },
      { ipBlock: { cidr: '192.168.77.0/24', except: ['192.168.77.128/25'] } },
      { ipBlock: { cidr: 'fd00::/8', except: ['fd00:0:0:1::/64'] } },
    ];
    const inBothFamilies = allPods().map(({ status, ...pod }, i) => ({
      ...pod,
      status: { ...status, podIPs: [...(status?.podIPs ?? []), { ip: `FD00:0::${i + 5}` }] },
    }));
    const policy = aPolicy({
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: peers,
          ports: [
            { port: 'web', protocol: 'TCP' },
            { port: 53, endPort: 90, protocol: 'UDP' },
          ],
        },
      ],
      egress: [{ to: peers, ports: [{ port: 'web', protocol: 'TCP' }] }, {}],
    });
    expect(await apply([policy], inBothFamilies)).toBe(true);
    const renew = () => {
      node.createPolicies();
      return follow(node);
    };
    const table = `inet slipway-${clusterId}-policy`;
    const listing = () => node.network.run(node.network.hostNetns, 'nft', '-j', 'list', 'table', ...table.split(' '));
    const before = await listing();
    expect(await renew()).toBe(false);
    expect(await listing()).toBe(before);
    // The last run died before the API was told of the addresses.
    node.tell({ pods: inBothFamilies.map(({ status: _, ...pod }) => ({ ...pod, status: { phase: 'Pending' } })) });
    await renew();
    expect(
      await node.network.run(node.network.hostNetns, 'nft', 'list', 'map', ...table.split(' '), 'ingress4'),
    ).toContain(`${one.ip} comment "ns-a/pod-0"`);
    node.tell({ pods: inBothFamilies });
    await renew();
    for (const damage of [
      `delete element ${table} ingress4 { ${one.ip} }`,
      `flush chain ${table} egress`,
      `delete element ${table} self4 { ${one.ip} . ${one.ip} }`,
      `flush map ${table} ingress4`,
    ]) {
      await node.host.nft(`${damage}\n`, { signal: neverAborted });
      expect(await renew()).toBe(true);
      expect(await renew()).toBe(false);
    }
    expect(await apply([])).toBe(true);
    const empty = await node.network.run(node.network.hostNetns, 'nft', 'list', 'table', ...table.split(' '));
    expect(empty).not.toMatch(/policy-|isolate-|peers|own4|elements/);
  });

  it('has the rules of a new pod in the kernel when its network is ready, and refuses it while it cannot know them', async () => {
    node.createPolicies();
    const pod = { name: 'pod-9', netns: await node.network.addNetns(), ip: '' };
    const stop = new AbortController();
    const running = node.policies.run(stop.signal);
    await apply([aPolicy({ podSelector: { matchLabels: { app: 'nine' } } })], allPods());
    const giveUp = AbortSignal.timeout(300);
    await expect(node.setUpGuarded('pod-9', pod.netns, giveUp)).rejects.toThrow();
    expect(await node.network.run(pod.netns, 'ip', 'link', 'show')).not.toContain('eth0');
    const { status: _, ...unknownAddress } = aPod(pod, 'nine');
    node.tell({ pods: [...allPods(), { ...unknownAddress, status: { phase: 'Pending' } }] });
    const ip = await node.setUpGuarded('pod-9', pod.netns, neverAborted);
    await node.network.run(pod.netns, 'ip', 'link', 'set', 'lo', 'up');
    node.network.serve(pod.netns, 80, 'nine');
    await node.network.untilServed(pod.netns, 80);
    await expectReached([], [[two, ip, 80]]);
    expect(await node.network.fetch(node.network.hostNetns, ip, 80)).toMatch(/^nine /);
    // Deleted by force, it runs for a while yet.
    node.tell({ pods: allPods() });
    await node.policies.apply(neverAborted);
    await expectReached([], [[two, ip, 80]]);

    const ping = (source: string) =>
      node.network.run(pod.netns, 'busybox', 'ping', '-c1', '-W1', '-I', source, three.ip).catch(() => '');
    const dropped = async () => {
      const table = ['table', 'bridge', `slipway-${clusterId}-policy`] as const;
      const listed = await node.network.run(node.network.hostNetns, 'nft', 'list', ...table);
      return Number(/ip saddr != @own4 counter packets (\d+)/.exec(listed)?.[1]);
    };
    expect(await ping(ip)).toContain(' 0% packet loss');
    expect(await dropped()).toBe(0);
    await node.network.run(pod.netns, 'ip', 'address', 'add', `${two.ip}/32`, 'dev', 'eth0');
    await ping(two.ip);
    expect(await dropped()).toBe(1);
    stop.abort();
    await running;
  });

  it('answers as the documentation says in random clusters', async () => {
    const ips = [one.ip, two.ip, three.ip];
    const all = [...ips, outsideIp];
    const packets = all.flatMap((from) =>
      ips.flatMap((to) =>
        from === to
          ? []
          : askedPorts.flatMap((port) => ['TCP', 'UDP'].map((protocol): Packet => ({ from, to, port, protocol }))),
      ),
    );
    for (const model of fc.sample(clusterArbitrary(ips, outsideIp), { numRuns: 3, seed: 20 })) {
      node.tell(model);
      node.createPolicies();
      await follow(node);
      const answered = await node.answered(packets, (packet) => isAllowed(model, packet));
      for (const packet of packets) expect([packet, answered.has(packet)]).toEqual([packet, isAllowed(model, packet)]);
    }
  }, 60_000);

  /** A process that follows the caches for one round. */
  async function follow({ policies }: PolicyNode): Promise<boolean> {
    const stop = new AbortController();
    policies.follow();
    const hasChanged = await policies.apply(stop.signal);
    return hasChanged;
  }

  /** A connection that stays. Answers whether what was said came back in time. */
  function talk(netns: string, ip: string, port: number) {
    const child = spawn('nsenter', [`--net=${netns}`, 'socat', '-', `TCP4:${ip}:${port}`], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let heard = '';
    child.stdout?.on('data', (chunk) => {
      heard += chunk;
    });
    return {
      async say(word: string, ms: number): Promise<boolean> {
        child.stdin?.write(`${word}\n`);
        for (let waited = 0; waited < ms && !heard.includes(word); waited += 20) {
          await systemClock.sleep(20, neverAborted); // asked again: bytes come when they come
        }
        return heard.includes(word);
      },
      end: () => child.kill('SIGKILL'),
    };
  }

  /** A machine that is no pod, behind the node. */
  async function addOutside(): Promise<void> {
    const outside = await node.network.addNetns();
    const lines = [
      `link add swout0 type veth peer name eth0 netns ${outside}`,
      'address add 192.168.77.1/24 dev swout0',
      'link set swout0 up',
    ];
    await node.host.ip(lines, { signal: neverAborted });
    const inside = ['link set lo up', `address add ${outsideIp}/24 dev eth0`, 'link set eth0 up'];
    await node.host.ip([...inside, 'route add default via 192.168.77.1'], { netns: outside, signal: neverAborted });
    node.network.serve(outside, 80, 'outside');
    await node.network.untilServed(outside, 80);
    node.pods.push({ name: 'outside', netns: outside, ip: outsideIp });
  }
});
