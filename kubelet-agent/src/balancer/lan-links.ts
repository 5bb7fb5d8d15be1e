import { isInBlock, parseCidr, parseIp } from '@slipway/api/ip-address';
import type { Host, IpObject } from '@slipway/cni';

export interface LanLink {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
}

/** Which link an address is asked for on: the one whose subnet it is in, or else the one of the default route. */
export async function lanLinks(
  addresses: readonly string[],
  host: Host,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, LanLink>> {
  const links = (await host.ipShow(['address', 'show'], { signal })).filter(isEthernet);
  const [route] = await host.ipShow(['route', 'show', 'default'], { signal });
  const uplink = links.find(({ ifname }) => ifname === route?.dev);
  const found = new Map<string, LanLink>();
  for (const address of addresses) {
    const link = links.find((each) => hasSubnetOf(each, address)) ?? uplink;
    if (!link) continue;
    found.set(address, { name: String(link.ifname), index: Number(link.ifindex), mac: String(link.address) });
  }
  return found;
}

function isEthernet({ link_type: type, flags }: IpObject): boolean {
  return type === 'ether' && Array.isArray(flags) && flags.includes('UP');
}

function hasSubnetOf({ addr_info: info }: IpObject, text: string): boolean {
  const address = parseIp(text);
  const subnets = Array.isArray(info) ? (info as readonly { local?: string; prefixlen?: number }[]) : [];
  return subnets.some(({ local, prefixlen }) => {
    const block = parseCidr(`${local}/${prefixlen}`);
    // The address of a load balancer itself is there with nothing around it.
    return address !== undefined && block !== undefined && block.size > 1n && isInBlock(block, address);
  });
}
