import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { describeWith } from '@slipway/kit/testing/capabilities';
import { createChain } from '../chain/chain.ts';
import { parseConflist } from '../chain/parse-conflist.ts';
import { createResultCache } from '../chain/result-cache.ts';
import { builtInPlugins } from '../plugins/built-in-plugins.ts';
import { installPlugins } from '../plugins/install-plugins.ts';
import { createPluginCaller } from '../skeleton/call-plugin.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from './test-network.ts';

/** Where Debian's containernetworking-plugins puts them. */
const upstreamPath = '/usr/lib/cni';
const missing = ['bridge', 'ptp', 'portmap', 'bandwidth', 'firewall', 'tuning'].find(
  (name) => !existsSync(join(upstreamPath, name)),
);

interface Row {
  readonly what: string;
  /** Types of the list that are ours, in process; the others are upstream's executables. */
  readonly ours: readonly string[];
  readonly list: readonly string[];
  /** Upstream's portmap 1.1 looks for IPv6 rules on CHECK that it only made when there was an IPv6 address. */
  readonly cannotCheck?: boolean;
  /** Upstream's plugins call our host-local as an executable. */
  readonly ourAddresses?: boolean;
}

const rows: readonly Row[] = [
  {
    what: "upstream's bridge, ours after it",
    ours: ['portmap', 'bandwidth', 'tuning'],
    list: ['bridge', 'portmap', 'bandwidth', 'tuning'],
  },
  { what: "upstream's bridge on our addresses", ours: ['portmap'], list: ['bridge', 'portmap'], ourAddresses: true },
  {
    what: "upstream's ptp, our portmap and bandwidth",
    ours: ['portmap', 'bandwidth'],
    list: ['ptp', 'portmap', 'bandwidth'],
  },
  {
    what: "our bridge, upstream's after it",
    ours: ['bridge', 'host-local'],
    list: ['bridge', 'portmap', 'firewall', 'bandwidth', 'tuning'],
    cannotCheck: true,
  },
  { what: "our bridge on upstream's addresses", ours: ['bridge', 'portmap'], list: ['bridge', 'portmap'] },
  {
    what: "upstream's alone",
    ours: [],
    list: ['bridge', 'portmap', 'firewall', 'bandwidth', 'tuning'],
    cannotCheck: true,
  },
];

/** One configuration that both understand. */
const configOf = (type: string, network: TestNetwork) =>
  ({
    bridge: { bridge: 'swt-mix', isGateway: true, ipMasq: true, hairpinMode: true, ipam: ipamOf(network) },
    ptp: { ipMasq: true, ipam: ipamOf(network) },
    portmap: { capabilities: { portMappings: true }, snat: true },
    bandwidth: { ingressRate: 80_000_000, ingressBurst: 8_000_000, egressRate: 80_000_000, egressBurst: 8_000_000 },
    tuning: { sysctl: { 'net.core.somaxconn': '333' } },
    firewall: { backend: 'iptables' },
  })[type];

const ipamOf = ({ directory }: TestNetwork) => ({
  type: 'host-local',
  ranges: [[{ subnet: '10.86.0.0/24' }]],
  routes: [{ dst: '0.0.0.0/0' }],
  dataDir: join(directory, 'ipam'),
});

describeWith(missing && `the package containernetworking-plugins (${missing})`, 'chains of ours and of upstream', () =>
  describeWithNetwork('mixed chains', () => {
    let network: TestNetwork;
    let bin: string;
    beforeEach(async () => {
      network = await createTestNetwork();
      bin = join(network.directory, 'bin');
      await installPlugins(bin);
    });
    afterEach(() => network?.remove());

    const chainOf = ({ ours, list, ourAddresses }: Row) => {
      const plugins = list.map((type) => ({ type, ...configOf(type, network) }));
      return createChain({
        list: parseConflist({ cniVersion: '1.0.0', name: 'mixed', plugins }, 'mixed.conflist'),
        cache: createResultCache(join(network.directory, 'results')),
        path: [ourAddresses ? bin : upstreamPath, upstreamPath],
        call: createPluginCaller({
          plugins: builtInPlugins.filter(({ name }) => ours.includes(name)),
          host: network.host,
          exec,
          env: { PATH: process.env.PATH },
          netns: network.hostNetns,
        }),
      });
    };
    const request = (containerId: string, netns: string, capabilityArgs = {}) => {
      return { containerId, netns, ifName: 'eth0', args: [], capabilityArgs };
    };

    it.each(rows.map((row) => [row.what, row] as const))(
      'works: %s',
      async (_what, row) => {
        const chain = chainOf(row);
        const [server, client] = [await network.addNetns(), await network.addNetns()];
        const mapped = request('server', server, {
          portMappings: [{ hostPort: 8086, containerPort: 86, protocol: 'tcp' }],
        });
        await network.run(server, 'ip', 'link', 'set', 'lo', 'up');
        // The first life makes what both leave behind on purpose: bridges, tables, chains.
        await chain.add(mapped, neverAborted);
        await chain.del(mapped, neverAborted);
        const before = await network.kernelObjects(server, client);

        const result = await chain.add(mapped, neverAborted);
        await chain.add(request('client', client), neverAborted);
        const gateway = result.ips[0]?.gateway ?? '';
        const stop = network.serve(server, 86, 'mixed');
        try {
          await network.untilServed(server, 86);
          expect(await network.fetch(network.hostNetns, gateway, 8086)).toMatch(/^mixed /);
          expect(await network.fetch(client, gateway, 8086)).toMatch(/^mixed /);
          expect(await network.fetch(client, result.ips[0]?.address.split('/')[0] ?? '', 86)).toMatch(/^mixed /);
        } finally {
          await stop();
        }
        if (row.list.includes('bandwidth')) {
          expect(await network.run(network.hostNetns, 'tc', 'qdisc', 'show')).toMatch(/tbf .*rate 80Mbit/);
        }
        if (row.list.includes('tuning')) {
          expect(await network.run(server, 'cat', '/proc/sys/net/core/somaxconn')).toBe('333\n');
        }
        if (!row.cannotCheck) await chain.check(mapped, neverAborted);
        await chain.del(mapped, neverAborted);
        await chain.del(request('client', client), neverAborted);
        await chain.del(mapped, neverAborted);
        expect(await network.kernelObjects(server, client)).toBe(before);
      },
      60_000,
    );
  }),
);
