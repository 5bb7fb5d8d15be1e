import { neverAborted } from '@slipway/kit/abort';
import type { Invocation } from '../skeleton/plugin.ts';
import { CniError, type CniErrorName, cniErrorCodes } from '../spec/cni-error.ts';
import type { JsonObject } from '../spec/json.ts';
import { decodeResult } from '../spec/result.ts';
import type { CniResult } from '../spec/types.ts';
import type { Reach } from './reach.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from './test-network.ts';

/** An executable takes a quarter of a second to start on a busy machine, and a test calls up to a dozen. */
const timeoutMs = 30_000;

interface Fixture {
  readonly network: TestNetwork;
  readonly call: (type: string, change: Partial<Invocation>) => Promise<JsonObject | undefined>;
  readonly config: (type: string, more?: JsonObject) => JsonObject;
}

/** What bridge, host-local and portmap promise together, beyond the specification. */
export function describePlugins(reach: Reach): void {
  describeWithNetwork(`CNI plugins, ${reach.name}`, () => {
    let fixture: Fixture;
    let container: string;
    beforeAll(async () => {
      fixture = await createFixture(reach);
    });
    afterAll(() => fixture?.network.remove());
    beforeEach(async () => {
      container = await fixture.network.addNetns();
    });

    it(
      'gives the address back when attaching fails',
      async () => {
        const { call, config, network } = fixture;
        await network.host.ip(['link add swt0 type veth peer name swt1'], { signal: neverAborted });
        const bridge = config('bridge', { bridge: 'swt0', ipam: smallIpam(network) });
        for (let round = 0; round < 3; round++) {
          await expectCniError(call('bridge', { command: 'ADD', netns: container, config: bridge }));
        }
        const good = config('bridge', { ipam: smallIpam(network) });
        await call('bridge', { command: 'ADD', netns: container, config: good });
        await call('bridge', { command: 'DEL', netns: container, config: good });
      },
      timeoutMs,
    );

    it(
      'gives the requested addresses and MAC',
      async () => {
        const { call, config } = fixture;
        const runtimeConfig = { ips: ['10.99.0.77'], mac: '02:11:22:33:44:55' };
        const bridge = config('bridge', { runtimeConfig });
        const result = decodeResult(await call('bridge', { command: 'ADD', netns: container, config: bridge }));
        expect(result.ips[0]?.address).toBe('10.99.0.77/24');
        expect(result.interfaces.find((link) => link.sandbox)?.mac).toBe('02:11:22:33:44:55');
        const second = await fixture.network.addNetns();
        await expectCniError(call('bridge', { command: 'ADD', containerId: 'other', netns: second, config: bridge }));
        await call('bridge', { command: 'DEL', netns: container, config: bridge });
      },
      timeoutMs,
    );

    it(
      'attaches with two address families',
      async () => {
        const { call, config, network } = fixture;
        const ranges = [[{ subnet: '10.98.0.0/24' }], [{ subnet: 'fd00:98::/64' }]];
        const ipam = { type: 'host-local', ranges, dataDir: network.directory };
        const bridge = config('bridge', { name: 'dual', bridge: 'swdual', ipam });
        const result = decodeResult(await call('bridge', { command: 'ADD', netns: container, config: bridge }));
        expect(result.ips.map((ip) => ip.address)).toEqual(['10.98.0.2/24', 'fd00:98::2/64']);
        await network.run(container, 'busybox', 'ping', '-c1', '-W2', '10.98.0.1');
        await network.run(container, 'busybox', 'ping6', '-c1', '-W2', 'fd00:98::1');
        await call('bridge', { command: 'DEL', netns: container, config: bridge });
      },
      timeoutMs,
    );

    it(
      'lets two containers reach each other over one bridge',
      async () => {
        const { call, config, network } = fixture;
        const other = await network.addNetns();
        const bridge = config('bridge');
        await call('bridge', { command: 'ADD', netns: container, config: bridge });
        const second = await call('bridge', { command: 'ADD', containerId: 'second', netns: other, config: bridge });
        await network.run(container, 'busybox', 'ping', '-c1', '-W2', addressOf(decodeResult(second)));
        await call('bridge', { command: 'DEL', netns: container, config: bridge });
        await call('bridge', { command: 'DEL', containerId: 'second', netns: other, config: bridge });
      },
      timeoutMs,
    );

    it(
      'maps host ports, for others, for 127.0.0.1 and for the container itself',
      async () => {
        const { call, config, network } = fixture;
        const bridge = config('bridge');
        const prevResult = await call('bridge', { command: 'ADD', netns: container, config: bridge });
        const runtimeConfig = { portMappings: [{ hostPort: 8099, containerPort: 99, protocol: 'tcp' }] };
        const portmap = config('portmap', { prevResult, runtimeConfig });
        expect(decodeResult(await call('portmap', { command: 'ADD', netns: container, config: portmap }))).toEqual(
          decodeResult(prevResult),
        );
        const stop = network.serve(container, 99, 'from the container');
        try {
          await network.untilServed(container, 99);
          for (const [netns, address] of [
            [network.hostNetns, '127.0.0.1'],
            [network.hostNetns, '10.99.0.1'],
            [container, '10.99.0.1'],
          ] as const) {
            expect(await network.fetch(netns, address, 8099)).toMatch(/^from the container /);
          }
          await call('portmap', { command: 'CHECK', netns: container, config: portmap });
          await call('portmap', { command: 'DEL', netns: container, config: portmap });
          await expectCniError(call('portmap', { command: 'CHECK', netns: container, config: portmap }));
          await expect(network.fetch(network.hostNetns, '10.99.0.1', 8099)).rejects.toThrow();
        } finally {
          await stop();
        }
        await call('bridge', { command: 'DEL', netns: container, config: bridge });
      },
      timeoutMs,
    );
  });
}

/** What only ours promise: GC, STATUS and the routed mode. */
export function describeOurPlugins(reach: Reach): void {
  describeWithNetwork(`our CNI plugins, ${reach.name}`, () => {
    let fixture: Fixture;
    beforeAll(async () => {
      fixture = await createFixture(reach);
    });
    afterAll(() => fixture?.network.remove());

    it(
      'collects what does not belong to a valid attachment',
      async () => {
        const { call, config, network } = fixture;
        const bridge = config('bridge', { ipam: smallIpam(network) });
        const [kept, leaked] = [await network.addNetns(), await network.addNetns()];
        const runtimeConfig = { portMappings: [{ hostPort: 8098, containerPort: 98 }] };
        const addBoth = async (containerId: string, netns: string) => {
          const prevResult = await call('bridge', { command: 'ADD', containerId, netns, config: bridge });
          return prevResult;
        };
        await addBoth('kept', kept);
        const prevResult = await addBoth('leaked', leaked);
        const portmap = config('portmap', { prevResult, runtimeConfig });
        await call('portmap', { command: 'ADD', containerId: 'leaked', netns: leaked, config: portmap });
        await expectCniError(call('bridge', { command: 'STATUS', config: bridge }), 'limitedConnectivity');

        const valid = { 'cni.dev/valid-attachments': [{ containerID: 'kept', ifname: 'eth0' }] };
        await call('portmap', { command: 'GC', config: { ...config('portmap'), ...valid } });
        await call('bridge', { command: 'GC', config: { ...bridge, ...valid } });

        expect(await linksOf(network, leaked)).toEqual(['lo']);
        expect(await linksOf(network, kept)).toEqual(['eth0', 'lo']);
        await call('bridge', { command: 'STATUS', config: bridge });
        await call('portmap', { command: 'ADD', containerId: 'x', netns: kept, config: portmap });
        await call('portmap', { command: 'DEL', containerId: 'x', netns: kept, config: portmap });
        await call('bridge', { command: 'DEL', containerId: 'kept', netns: kept, config: bridge });
      },
      timeoutMs,
    );

    it(
      'routes between containers with host addresses',
      async () => {
        const { call, config, network } = fixture;
        const ipam = { type: 'host-local', subnet: '10.97.0.0/24', dataDir: network.directory };
        const routed = config('bridge', { name: 'routed', bridge: 'swrouted', routed: true, ipam });
        const [one, two] = [await network.addNetns(), await network.addNetns()];
        const args = 'IgnoreUnknown=1;K8S_POD_UID=3b1f';
        await call('bridge', { command: 'ADD', containerId: 'one', netns: one, config: routed, args });
        const second = await call('bridge', { command: 'ADD', containerId: 'two', netns: two, config: routed, args });
        const address = addressOf(decodeResult(second));
        expect(decodeResult(second).ips[0]?.address).toMatch(/\/32$/);
        await network.run(one, 'busybox', 'ping', '-c2', '-W2', address);
        const neighbours = await network.run(one, 'ip', 'neigh', 'show');
        expect(neighbours).not.toContain(`${address} `);
        expect(await network.run(network.hostNetns, 'ip', '-d', 'link', 'show', 'type', 'veth')).toContain('3b1f');
        await call('bridge', { command: 'DEL', containerId: 'one', netns: one, config: routed });
        await call('bridge', { command: 'DEL', containerId: 'two', netns: two, config: routed });
      },
      timeoutMs,
    );

    it(
      'makes the bridge again when somebody removed it',
      async () => {
        const { call, config, network } = fixture;
        const bridge = config('bridge');
        for (const containerId of ['before', 'after']) {
          const netns = await network.addNetns();
          await call('bridge', { command: 'ADD', containerId, netns, config: bridge });
          await network.run(netns, 'busybox', 'ping', '-c1', '-W2', '10.99.0.1');
          await call('bridge', { command: 'DEL', containerId, netns, config: bridge });
          await network.host.ip(['link del swt-br'], { signal: neverAborted });
        }
      },
      timeoutMs,
    );
  });
}

async function createFixture(reach: Reach): Promise<Fixture> {
  const network = await createTestNetwork();
  const { call, path } = await reach.open(network);
  return {
    network,
    call: (type, change) =>
      call(
        type,
        { command: 'ADD', containerId: 'c1', netns: '', ifName: 'eth0', args: '', path, config: {}, ...change },
        neverAborted,
      ),
    config: (type, more = {}) => ({
      cniVersion: '1.1.0',
      name: 'test',
      type,
      ...(type === 'bridge' ? { ...bridgeDefaults, ipam: { ...ipamDefaults, dataDir: network.directory } } : {}),
      ...more,
    }),
  };
}

const bridgeDefaults = { bridge: 'swt-br', isGateway: true, isDefaultGateway: true, ipMasq: true, hairpinMode: true };
const ipamDefaults = { type: 'host-local', ranges: [[{ subnet: '10.99.0.0/24' }]] };

/** Two addresses besides the gateway: a leaked one shows at once. */
function smallIpam(network: TestNetwork): JsonObject {
  const ranges = [[{ subnet: '10.99.0.0/24', rangeStart: '10.99.0.201', rangeEnd: '10.99.0.202' }]];
  return { type: 'host-local', ranges, dataDir: `${network.directory}/small` };
}

function addressOf(result: CniResult): string {
  return result.ips[0]?.address.split('/')[0] ?? '';
}

async function linksOf(network: TestNetwork, netns: string): Promise<string[]> {
  const links = await network.host.ipShow(['link', 'show'], { netns, signal: neverAborted });
  return links.map((link) => String(link.ifname)).toSorted();
}

async function expectCniError(work: Promise<unknown>, code?: CniErrorName): Promise<void> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CniError);
  if (code && error instanceof CniError) expect(error.code).toBe(cniErrorCodes[code]);
}
