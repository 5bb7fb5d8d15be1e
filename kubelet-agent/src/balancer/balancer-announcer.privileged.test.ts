import type { Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { createKernelHost, type Host } from '@slipway/cni';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { aService } from '../proxy/builders.ts';
import { BalancerAnnouncer } from './balancer-announcer.ts';
import { announcersAnnotation } from './duties.ts';

const signal = neverAborted;

/** Two nodes and a stranger on one LAN. */
describeWithNetwork('BalancerAnnouncer', () => {
  let network: TestNetwork;
  let stranger: string;
  const nodes: { readonly host: Host; readonly netns: string; readonly cache: ObjectCache<Service>; mac: string }[] =
    [];
  let version = 1n;

  const connect = async (name: string, addresses: readonly string[]) => {
    const netns = await network.addNetns();
    await network.host.ip(
      [`link add ${name} type veth peer name eth0 netns ${netns}`, `link set ${name} master lan up`],
      { signal },
    );
    const lines = addresses.map((address) => `address add ${address} dev eth0 nodad`);
    await network.host.ip(['link set lo up', 'link set eth0 up', ...lines], { netns, signal });
    return netns;
  };
  const tell = (announcers: string, ips: readonly string[]) => {
    const service = aService({ clusterIp: '10.96.0.50', spec: { type: 'LoadBalancer' } });
    version++;
    const told = {
      ...service,
      metadata: {
        ...service.metadata,
        resourceVersion: String(version),
        annotations: { [announcersAnnotation]: announcers },
      },
      status: { loadBalancer: { ingress: ips.map((ip) => ({ ip, ipMode: 'VIP' })) } },
    };
    for (const { cache } of nodes) cache.replace([told], version);
  };
  /** The station that answers a stranger, anew. */
  const answererOf = async (address: string) => {
    const to = address.includes(':') ? `UDP6:[${address}]:9` : `UDP4:${address}:9`;
    // A datagram that nobody takes makes the kernel ask.
    await network.run(stranger, 'sh', '-c', `ip neigh flush dev eth0; echo | socat -t0.2 - ${to} || true; sleep 0.1`);
    const [entry] = await network.host.ipShow(['neigh', 'show', address, 'dev', 'eth0'], { netns: stranger, signal });
    return entry?.lladdr;
  };
  const node = (i: number) => {
    const found = nodes[i];
    if (!found) throw new Error(`no node ${i}`);
    return found;
  };
  const announcerOf = (i: number) => {
    const { host, netns, cache } = node(i);
    const options = { clusterId: 'test5', nodeName: `node-${i}`, netns };
    return new BalancerAnnouncer({ host, clock: systemClock, log: silentLogger, services: cache }, options);
  };
  const addressesOf = async (i: number) => {
    const shown = await node(i).host.ipShow(['address', 'show'], { signal });
    return JSON.stringify(shown);
  };

  beforeAll(async () => {
    network = await createTestNetwork();
    await network.host.ip(['link add lan type bridge', 'link set lan up'], { signal });
    for (const i of [0, 1]) {
      const netns = await connect(`node${i}`, [`192.0.2.${10 + i}/24`, `fd00::${10 + i}/64`]);
      const host = createKernelHost({ exec, netns });
      const [link] = await host.ipShow(['link', 'show', 'dev', 'eth0'], { signal });
      nodes.push({ host, netns, cache: new ObjectCache<Service>(), mac: String(link?.address) });
    }
    stranger = await connect('stranger', ['192.0.2.99/24', 'fd00::99/64']);
  });
  afterAll(() => network?.remove());

  it('answers for its addresses by ARP and neighbour discovery, and no longer when told so', async () => {
    const one = announcerOf(0);
    tell('node-0,node-1', ['192.0.2.77', 'fd00::77']);
    await one.tick(signal);
    expect(await answererOf('192.0.2.77')).toBe(node(0).mac);
    expect(await answererOf('fd00::77')).toBe(node(0).mac);
    const [loopback] = await node(0).host.ipShow(['address', 'show', 'dev', 'lo'], { signal });
    expect(loopback?.addr_info).toContainEqual(
      expect.objectContaining({ local: '192.0.2.77', label: 'lo:swtest5', preferred_life_time: 0 }),
    );
    const stop = new AbortController();
    const running = one.run(stop.signal);
    tell('node-1', ['192.0.2.77']);
    await eventually(async () => expect(await addressesOf(0)).not.toMatch(/192.0.2.77|fd00::77/));
    stop.abort();
    await running;
  });

  it('takes over from a node that falls silent, tells the LAN, and gives way when that is back', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    tell('node-0,node-1', ['192.0.2.80']);
    const running = [announcerOf(0).run(first.signal), announcerOf(1).run(second.signal)];
    await eventually(async () => expect(await answererOf('192.0.2.80')).toBe(node(0).mac));
    await systemClock.sleep(2_000, signal);
    expect(await addressesOf(1)).not.toContain('192.0.2.80');

    await network.host.ip(['link set node0 nomaster'], { signal });
    const begin = performance.now();
    await eventually(async () => expect(await addressesOf(1)).toContain('192.0.2.80'));
    expect(performance.now() - begin).toBeLessThan(8_000);
    expect(await answererOf('192.0.2.80')).toBe(node(1).mac);

    await network.host.ip(['link set node0 master lan'], { signal });
    await eventually(async () => expect(await addressesOf(1)).not.toContain('192.0.2.80'));
    expect(await answererOf('192.0.2.80')).toBe(node(0).mac);
    first.abort();
    second.abort();
    await Promise.all(running);
  }, 40_000);

  async function eventually(check: () => Promise<void>): Promise<void> {
    for (let i = 0; ; i++) {
      try {
        return await check();
      } catch (error) {
        if (i >= 60) throw error;
        await systemClock.sleep(200, signal);
      }
    }
  }
});
