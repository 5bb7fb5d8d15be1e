import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createKernelHost, type Host } from '@slipway/cni';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { describeWith } from '@slipway/kit/testing/capabilities';
import { PodNetwork } from './pod-network.ts';

/** Where Debian's containernetworking-plugins puts them. */
const binPath = '/usr/lib/cni';
const missing = existsSync(join(binPath, 'macvlan')) ? undefined : 'the package containernetworking-plugins';

/** Pods of our agent on plugins of others, by a user's own configuration list. */
describeWith(missing, "pods on upstream's plugins", () =>
  describeWithNetwork('PodNetwork', () => {
    let network: TestNetwork;
    let host: Host;

    beforeEach(async () => {
      network = await createTestNetwork();
      host = createKernelHost({ exec, netns: network.hostNetns });
    });
    afterEach(() => network?.remove());

    const podNetwork = async (plugins: readonly Record<string, unknown>[]) => {
      const conflistDirectory = join(network.directory, 'net.d');
      await mkdir(conflistDirectory, { recursive: true });
      const list = {
        cniVersion: '1.0.0',
        name: 'foreign',
        plugins: plugins.map((plugin) => ({ ...plugin, slipway: { executable: true } })),
      };
      await writeFile(join(conflistDirectory, '10-foreign.conflist'), JSON.stringify(list));
      const pods = new PodNetwork(
        { host, exec, log: silentLogger },
        {
          cluster: { clusterId: 'test1', clusterCidr: '10.64.0.0/16', serviceCidr: '10.96.0.0/16', ownServiceIps: [] },
          directory: join(network.directory, 'network'),
          conflistDirectory,
          binPath: [binPath],
          env: { PATH: process.env.PATH },
          nodeNetns: network.hostNetns,
        },
      );
      await pods.start(undefined, neverAborted);
      return pods;
    };
    const ipam = () => ({
      type: 'host-local',
      ranges: [[{ subnet: '10.85.0.0/24' }]],
      routes: [{ dst: '0.0.0.0/0' }],
      dataDir: join(network.directory, 'ipam'),
    });
    const request = (sandboxId: string, netnsPath: string, hostPort = 0) => ({
      sandboxId,
      netnsPath,
      pod: { name: sandboxId, namespace: 'default', uid: `uid-${sandboxId}` },
      annotations: { 'kubernetes.io/ingress-bandwidth': '90M' },
      portMappings: hostPort === 0 ? [] : [{ protocol: 'TCP', containerPort: 85, hostPort, hostIp: '' }],
    });
    const after = [
      { type: 'portmap', capabilities: { portMappings: true } },
      { type: 'firewall' },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
      { type: 'tuning', sysctl: { 'net.core.somaxconn': '285' } },
    ];

    it.each<[string, () => readonly Record<string, unknown>[]]>([
      [
        'bridge',
        () => [
          { type: 'bridge', bridge: 'foreign0', isGateway: true, ipMasq: true, hairpinMode: true, ipam: ipam() },
          ...after,
        ],
      ],
      ['ptp', () => [{ type: 'ptp', ipMasq: true, ipam: ipam() }, ...after]],
      [
        'macvlan',
        () => [
          { type: 'macvlan', master: 'lan0', mode: 'bridge', ipam: ipam() },
          { type: 'tuning', allmulti: true },
        ],
      ],
    ])(
      'has pods reach each other by %s',
      async (type, plugins) => {
        await network.run(
          network.hostNetns,
          'sh',
          '-c',
          'ip link add lan0 type veth peer name lan1; ip link set lan0 up; ip link set lan1 up',
        );
        const pods = await podNetwork(plugins());
        const [one, two] = [await network.addNetns(), await network.addNetns()];
        const first = request('one', one, type === 'macvlan' ? 0 : 8085);
        const second = request('two', two);
        const { ips } = await pods.setUp(first, neverAborted);
        await pods.setUp(second, neverAborted);
        expect(await pods.problem(neverAborted)).toBeUndefined();
        await network.run(two, 'busybox', 'ping', '-c1', '-W2', ips[0] ?? '');
        if (type !== 'macvlan') {
          const stop = network.serve(one, 85, 'foreign');
          await network.untilServed(one, 85);
          expect(await network.fetch(two, '10.85.0.1', 8085)).toMatch(/^foreign /);
          await stop();
          expect(await network.run(network.hostNetns, 'tc', 'qdisc', 'show')).toMatch(/tbf .*rate 90Mbit/);
          expect(await network.run(one, 'cat', '/proc/sys/net/core/somaxconn')).toBe('285\n');
        }
        await pods.tearDown(first, neverAborted);
        await pods.tearDown(first, neverAborted);
        expect(
          (await host.ipShow(['link', 'show'], { netns: one, signal: neverAborted })).map((link) => link.ifname),
        ).toEqual(['lo']);
        await pods.collectGarbage([], neverAborted);
        expect(
          (await host.ipShow(['link', 'show'], { netns: two, signal: neverAborted })).map((link) => link.ifname),
        ).toEqual(['lo']);
      },
      60_000,
    );
  }),
);
