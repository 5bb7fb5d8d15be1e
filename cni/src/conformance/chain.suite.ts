import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { type AttachmentRequest, type Chain, createChain } from '../chain/chain.ts';
import { parseConflist } from '../chain/parse-conflist.ts';
import { createResultCache, type ResultCache } from '../chain/result-cache.ts';
import type { CallPlugin } from '../skeleton/plugin.ts';
import type { JsonObject } from '../spec/json.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from './test-network.ts';

export interface ChainSuiteOptions {
  readonly cniVersion: string;
  /** Folder of executables, when the plugins are not called in process. */
  readonly path: readonly string[];
  readonly call: (network: TestNetwork) => CallPlugin;
  /** Upstream's portmap 1.1 looks for IPv6 rules on CHECK that it only made when there was an IPv6 address. */
  readonly cannotCheckMappings?: boolean;
}

const timeoutMs = 30_000;

/** bridge, host-local and portmap as one network: what a runtime sees, whoever wrote the plugins. */
export function describeChain(name: string, options: ChainSuiteOptions): void {
  describeWithNetwork(`CNI chain, ${name}`, () => {
    let network: TestNetwork;
    let cache: ResultCache;
    let chain: Chain;
    const chainOf = (plugins: readonly JsonObject[]) => {
      const list = parseConflist({ cniVersion: options.cniVersion, name: 'pods', plugins }, 'test');
      return createChain({ list, cache, path: options.path, call: options.call(network) });
    };
    const request = (containerId: string, netns: string, capabilityArgs = {}): AttachmentRequest => ({
      containerId,
      netns,
      ifName: 'eth0',
      args: [
        ['IgnoreUnknown', '1'],
        ['K8S_POD_NAME', 'web'],
      ],
      capabilityArgs,
    });

    beforeAll(async () => {
      network = await createTestNetwork();
      cache = createResultCache(join(network.directory, 'results'));
      chain = chainOf(pluginsOf(network));
    });
    afterAll(() => network?.remove());

    it(
      'adds, checks and deletes, and remembers the result in between',
      async () => {
        const netns = await network.addNetns();
        const portMappings = [{ hostPort: 8090, containerPort: 90, protocol: 'tcp' }];
        const mapped = options.cannotCheckMappings ? {} : { portMappings };
        const result = await chain.add(request('c1', netns, mapped), neverAborted);
        expect(result.ips[0]).toMatchObject({ address: expect.stringMatching(/^10\.95\.0\.\d+\/24$/), interface: 2 });
        expect((await cache.list('pods')).map((each) => each.containerId)).toEqual(['c1']);
        await network.run(netns, 'busybox', 'ping', '-c1', '-W2', '10.95.0.1');
        await chain.check(request('c1', netns), neverAborted);
        await network.host.ip(['link set eth0 down'], { netns, signal: neverAborted });
        await network.host.ip(['address flush dev eth0'], { netns, signal: neverAborted });
        await expect(chain.check(request('c1', netns), neverAborted)).rejects.toThrow();
        await chain.del(request('c1', netns), neverAborted);
        await chain.del(request('c1', netns), neverAborted);
        expect(await cache.list('pods')).toEqual([]);
      },
      timeoutMs,
    );

    it(
      'undoes what the first plugins did when a later one fails',
      async () => {
        const netns = await network.addNetns();
        const broken = chainOf([...pluginsOf(network), { type: 'no-such-plugin' }]);
        await expect(broken.add(request('c2', netns), neverAborted)).rejects.toThrow('no-such-plugin');
        const links = await network.host.ipShow(['link', 'show'], { netns, signal: neverAborted });
        expect(links.map((link) => link.ifname)).toEqual(['lo']);
      },
      timeoutMs,
    );

    it(
      'collects attachments that were left behind',
      async () => {
        const [kept, lost] = [await network.addNetns(), await network.addNetns()];
        await chain.add(request('kept', kept), neverAborted);
        await chain.add(request('lost', lost), neverAborted);
        await network.removeNetns(lost);
        await chain.gc([{ containerID: 'kept', ifname: 'eth0' }], neverAborted);
        expect((await cache.list('pods')).map((each) => each.containerId)).toEqual(['kept']);
        await chain.check(request('kept', kept), neverAborted);
        await chain.status(neverAborted);
        await chain.del(request('kept', kept), neverAborted);
      },
      timeoutMs,
    );
  });
}

function pluginsOf(network: TestNetwork): readonly JsonObject[] {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: '10.95.0.0/24' }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: join(network.directory, 'ipam'),
  };
  return [
    { type: 'bridge', bridge: 'swchain', isGateway: true, hairpinMode: true, ipam },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
}
