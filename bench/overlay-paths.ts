/** Two machines on one link, for `pod-network.ts`: pods across our overlay, and across a VXLAN device as `ip link add` makes it. */
import { join } from 'node:path';
import { builtInPlugins, createKernelHost, createPluginCaller } from '@slipway/cni';
import type { TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';

interface Path {
  readonly client: string;
  readonly server: string;
  readonly address: string;
}

const signal = neverAborted;
const mtu = 1450;

/** The network's own host and another one, joined by a pair. Answers the paths of their namespaces. */
async function machines(network: TestNetwork, name: string, block: number): Promise<readonly [string, string]> {
  const far = await network.addNetns();
  const lines = [
    `link add up-${name} type veth peer name up-${name} netns ${far.split('/').at(-1)}`,
    `address add 192.168.${block}.1/24 dev up-${name}`,
    `link set up-${name} up`,
  ];
  await network.host.ip(lines, { signal });
  const near = [`address add 192.168.${block}.2/24 dev up-${name}`, `link set up-${name} up`, 'link set lo up'];
  await network.host.ip(near, { netns: far, signal });
  for (const netns of [network.hostNetns, far]) await network.run(netns, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  return [network.hostNetns, far];
}

export async function vxlanByHand(network: TestNetwork): Promise<Path> {
  const ends: string[] = [];
  for (const [i, netns] of (await machines(network, 'hand', 124)).entries()) {
    const [own, other] = [i + 1, 2 - i];
    const pod = await network.addNetns();
    ends.push(pod);
    const lines = [
      `link add hand-vx type vxlan id 124 dstport 4790 local 192.168.124.${own} remote 192.168.124.${other} dev up-hand`,
      `link set hand-vx up mtu ${mtu}`,
      `address add 10.124.${own}.0/32 dev hand-vx`,
      `link add hand-pod mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${pod.split('/').at(-1)}`,
      `address add 10.124.${own}.1/24 dev hand-pod`,
      'link set hand-pod up',
      `route add 10.124.${other}.0/24 via 10.124.${other}.0 dev hand-vx onlink`,
    ];
    await network.host.ip(lines, { netns, signal });
    const inside = [
      `address add 10.124.${own}.2/24 dev eth0`,
      'link set eth0 up',
      `route add default via 10.124.${own}.1`,
    ];
    await network.host.ip(inside, { netns: pod, signal });
  }
  return { client: ends[0] ?? '', server: ends[1] ?? '', address: '10.124.2.2' };
}

export async function overlayPods(network: TestNetwork): Promise<Path> {
  const found: { netns: string; address: string }[] = [];
  for (const [i, netns] of (await machines(network, 'ours', 125)).entries()) {
    const call = createPluginCaller({
      plugins: builtInPlugins,
      host: createKernelHost({ exec, netns }),
      exec,
      env: {},
      netns,
    });
    const pod = await network.addNetns();
    const config = {
      cniVersion: '1.1.0',
      name: 'overlay-bench',
      type: 'overlay',
      vni: 125,
      local: `192.168.125.${i + 1}`,
      node: `machine-${i + 1}`,
      subnets: ['10.125.0.0/16'],
      peers: [1, 2].map((n) => ({
        node: `machine-${n}`,
        address: `192.168.125.${n}`,
        destinations: [`10.125.${n}.0/24`],
      })),
      ipam: { type: 'host-local', subnet: `10.125.${i + 1}.0/24`, dataDir: join(network.directory, `overlay-${i}`) },
    };
    const request = { containerId: `overlay-${i}`, netns: pod, ifName: 'eth0', args: '', path: [], config };
    await call('overlay', { command: 'ADD', ...request }, signal);
    found.push({ netns: pod, address: `10.125.${i + 1}.2` });
  }
  return { client: found[0]?.netns ?? '', server: found[1]?.netns ?? '', address: found[1]?.address ?? '' };
}
