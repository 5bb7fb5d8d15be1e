import { CniError } from '../../spec/cni-error.ts';
import type { BandwidthConfig, Shaping } from './bandwidth-config.ts';

/**
 * Pure: how packets are slowed down. A queueing discipline works on what a link sends. What goes to the container is sent by the
 * host's end of its pair; what comes from it is received there, and is led through a link of its own (ifb) to be sent.
 */

/** How long a packet may wait in the queue. */
const latencySeconds = 0.025;
/** A class that lets everything pass still needs a number. */
const unlimitedBits = 100_000_000_000;
/** A packet's link header, and a little for tags. */
const linkHeaderBytes = 18;
const shapedClass = '1:1';
const unshapedClass = '1:2';

/** Lines for `tc` on the link that sends to the container. */
export function ingressLines(link: string, shaping: Shaping, config: BandwidthConfig): readonly string[] {
  return shapedRoot(link, shaping, config, 'src');
}

/** Lines for `tc` on the host's end and on the ifb that what it receives is led through. */
export function egressLines(link: string, ifb: string, shaping: Shaping, config: BandwidthConfig): readonly string[] {
  return [
    `qdisc add dev ${link} ingress`,
    `filter add dev ${link} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev ${ifb}`,
    ...shapedRoot(ifb, shaping, config, 'dst'),
  ];
}

/** One bucket for all; with subnets a class for each kind of peer, chosen by the peer's address. */
function shapedRoot(link: string, { rate, burst }: Shaping, config: BandwidthConfig, peer: 'src' | 'dst'): string[] {
  const bucketBytes = Math.ceil(burst / 8);
  if (config.subnets.length === 0) {
    const limit = Math.ceil((rate / 8) * latencySeconds) + bucketBytes;
    return [`qdisc add dev ${link} root handle 1: tbf rate ${rate}bit burst ${bucketBytes} limit ${limit}`];
  }
  const [chosen, others] = config.selects === 'shaped' ? [shapedClass, unshapedClass] : [unshapedClass, shapedClass];
  return [
    `qdisc add dev ${link} root handle 1: htb default ${others.split(':')[1]}`,
    `class add dev ${link} parent 1: classid ${shapedClass} htb rate ${rate}bit burst ${bucketBytes} quantum 60000`,
    `class add dev ${link} parent 1: classid ${unshapedClass} htb rate ${unlimitedBits}bit quantum 60000`,
    ...config.subnets.map((subnet) => {
      const [protocol, family, priority] = subnet.includes(':') ? ['ipv6', 'ip6', 2] : ['ip', 'ip', 1];
      return `filter add dev ${link} parent 1: protocol ${protocol} prio ${priority} u32 match ${family} ${peer} ${subnet} flowid ${chosen}`;
    }),
  ];
}

/** A bucket that never holds a whole packet lets none through. Throws `CniError`. */
export function requireBurstForMtu(config: BandwidthConfig, mtu: number): void {
  const least = (mtu + linkHeaderBytes) * 8;
  for (const direction of ['ingress', 'egress'] as const) {
    const burst = config[direction]?.burst;
    if (burst === undefined || burst >= least) continue;
    throw new CniError(
      'invalidNetworkConfig',
      `${direction}Burst: ${burst} bits do not hold one packet of the link's MTU ${mtu}: it must be ${least} or more`,
    );
  }
}
