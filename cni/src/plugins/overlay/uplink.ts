import type { Host, HostOptions, IpObject } from '../../host/host.ts';
import { CniError } from '../../spec/cni-error.ts';
import { formatNetwork, parseAddress, parseNetwork } from '../../spec/ip-address.ts';
import type { OverlayBackend } from './plan-overlay.ts';

/** The interface that carries a machine's address. */
export interface Uplink {
  readonly name: string;
  readonly mtu: number;
  /** Networks that are directly on it. */
  readonly onLink: readonly string[];
}

/** Undefined when no interface has the address. */
export async function findUplink(address: string, host: Host, options: HostOptions): Promise<Uplink | undefined> {
  const links = await host.ipShow(['address', 'show'], options);
  const link = links.find((each) => addressesOf(each).some(({ local }) => local === address));
  if (!link) return undefined;
  const onLink = addressesOf(link)
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => formatNetwork(parseNetwork(`${local}/${prefixlen}`)));
  return { name: String(link.ifname), mtu: Number(link.mtu), onLink };
}

interface ShownAddress {
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
}

export function addressesOf(link: IpObject): readonly ShownAddress[] {
  return (link.addr_info as readonly ShownAddress[] | undefined) ?? [];
}

/** Outer IP, UDP and VXLAN headers, and the inner Ethernet header. */
const vxlanOverheadBytes = { 4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14 } as const;
/** Every IPv4 host takes as much in one piece (RFC 791); IPv6 asks for 1280, of which only networks with IPv6 know. */
const mtuMin = 576;
const mtuMinIpv6 = 1280;

export interface MtuWish {
  readonly backend: OverlayBackend;
  /** The machine's. */
  readonly address: string;
  readonly uplinkMtu: number;
  /** What the user wants instead of the largest that fits. */
  readonly mtu?: number | undefined;
  readonly hasIpv6?: boolean;
}

/** The largest packet that a pod may send. Throws `CniError` when that is too small, or what is wanted does not fit. */
export function overlayMtu({ backend, address, uplinkMtu, mtu, hasIpv6 }: MtuWish): number {
  const overhead = backend === 'vxlan' ? vxlanOverheadBytes[parseAddress(address).family] : 0;
  const largest = uplinkMtu - overhead;
  const least = hasIpv6 ? mtuMinIpv6 : mtuMin;
  if (mtu !== undefined && mtu > largest) {
    throw tooBad(
      `mtu ${mtu} does not fit: the uplink takes ${uplinkMtu} bytes, ${overhead} of them are for the tunnel`,
    );
  }
  const chosen = mtu ?? largest;
  if (chosen >= least) return chosen;
  const why = mtu === undefined ? ` (the uplink takes ${uplinkMtu} bytes, ${overhead} of them are for the tunnel)` : '';
  throw tooBad(`mtu ${chosen} is too small${why}: at least ${least} is needed`);
}

function tooBad(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
