import { neverAborted } from '@slipway/kit/abort';
import { type Attach, createAttacher } from '../../conformance/attacher.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '../../conformance/test-network.ts';

/** What bandwidth does beyond what the specification asks of every plugin. */
describeWithNetwork('bandwidth', () => {
  let network: TestNetwork;
  let attach: Attach;
  beforeAll(async () => {
    network = await createTestNetwork();
    attach = await createAttacher(network);
  });
  afterAll(() => network?.remove());

  const limited = (more: object) => [
    {
      type: 'bridge',
      bridge: 'swt-bw',
      isDefaultGateway: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.82.0.0/24' }]], dataDir: network.directory },
    },
    { type: 'bandwidth', ...more },
  ];
  const bytes = 1_000_000;
  /** Milliseconds that so many bytes take from one namespace to a listener in another. */
  const transfer = async (from: string, to: string, address: string): Promise<number> => {
    const sink = network.run(to, 'timeout', '30', 'socat', '-u', 'TCP4-LISTEN:82,reuseaddr', 'OPEN:/dev/null');
    const begin = performance.now();
    const connect = `socat -u STDIN TCP4:${address}:82,retry=100,interval=0.05`;
    await network.run(from, 'sh', '-c', `head -c ${bytes} /dev/zero | ${connect}`);
    await sink;
    return performance.now() - begin;
  };

  it('slows down what a container receives and what it sends, each to its own rate', async () => {
    const { hostNetns } = network;
    const rates = { ingressRate: 16_000_000, ingressBurst: 800_000, egressRate: 8_000_000, egressBurst: 800_000 };
    const container = await attach(limited(rates));
    await container.check();
    // A million bytes, less the burst, at 2 and at 1 million bytes per second. A busy machine is slower, never faster.
    expect(await transfer(hostNetns, container.netns, container.addresses[0] ?? '')).toBeGreaterThan(400);
    expect(await transfer(container.netns, hostNetns, '10.82.0.1')).toBeGreaterThan(800);
    await container.del();
  }, 60_000);

  it('spares the subnets that it is told to, and shapes only those it is told to', async () => {
    const { hostNetns } = network;
    const rates = { ingressRate: 800_000, ingressBurst: 160_000, egressRate: 800_000, egressBurst: 160_000 };
    for (const more of [{ unshapedSubnets: ['10.82.0.0/24'] }, { shapedSubnets: ['192.0.2.0/24'] }]) {
      const container = await attach(limited({ ...rates, ...more }));
      await container.check();
      // Ten seconds if it were shaped.
      expect(await transfer(hostNetns, container.netns, container.addresses[0] ?? '')).toBeLessThan(8_000);
      expect(await transfer(container.netns, hostNetns, '10.82.0.1')).toBeLessThan(8_000);
      await container.del();
    }
    const shaped = await attach(limited({ ...rates, ingressRate: 8_000_000, shapedSubnets: ['10.82.0.0/24'] }));
    expect(await transfer(hostNetns, shaped.netns, shaped.addresses[0] ?? '')).toBeGreaterThan(800);
    await shaped.del();
  }, 60_000);

  it.each<[object, string]>([
    [{ ingressRate: 1000 }, 'ingressBurst: 0 is not a number of bits'],
    [{ egressBurst: 1000 }, 'egressRate: 0 is not a rate'],
    [{ ingressRate: 1_000_000, ingressBurst: 8_000 }, 'ingressBurst: 8000 bits do not hold one packet'],
    [
      { shapedSubnets: ['10.0.0.0'], ingressRate: 9_000, ingressBurst: 90_000 },
      'shapedSubnets: "10.0.0.0" is no subnet',
    ],
    [{ shapedSubnets: ['10.0.0.0/8'], unshapedSubnets: ['10.0.0.0/8'] }, 'exclude each other'],
    [{ runtimeConfig: { bandwidth: 7 } }, 'runtimeConfig.bandwidth: expected an object'],
  ])('refuses %j', async (more, message) => {
    await expect(attach(limited(more))).rejects.toThrow(message);
    expect(await network.host.ipShow(['link', 'show', 'type', 'ifb'], { signal: neverAborted })).toEqual([]);
  });
});
