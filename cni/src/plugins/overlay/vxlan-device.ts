import { type Host, type HostOptions, type IpObject, KernelError } from '../../host/host.ts';
import { CniError } from '../../spec/cni-error.ts';
import { addressesOf } from './uplink.ts';

/** The node's end of the tunnel of one network. */
export interface VxlanDevice {
  readonly name: string;
  readonly mac: string;
  readonly vni: number;
  /** UDP port, of all nodes. */
  readonly port: number;
  /** The machine's address that packets come from. */
  readonly local: string;
  readonly mtu: number;
  readonly alias: string;
  /** From which the node itself talks to pods of other nodes: `10.64.0.0/32`. Without one it does not. */
  readonly address?: string | undefined;
}

/** IANA's. */
export const vxlanPort = 4789;

export interface EnsuredDevice {
  /** It was not there, or had to be made anew: its tables are empty. */
  readonly isNew: boolean;
}

/** Makes the device, or makes it what it should be. Idempotent. Throws `CniError` in words for a user. */
export async function ensureVxlan(device: VxlanDevice, host: Host, options: HostOptions): Promise<EnsuredDevice> {
  const shown = await showDevice(device.name, host, options);
  const lines = planVxlan(device, shown);
  try {
    await host.ip(lines, options);
  } catch (error) {
    throw await explain(error, device, host, options);
  }
  return { isNew: lines.some((line) => line.startsWith('link add')) };
}

export async function showDevice(name: string, host: Host, options: HostOptions): Promise<IpObject | undefined> {
  return (await host.ipShow(['address', 'show', 'dev', name], options))[0];
}

/** Pure: lines for `ip -batch`. What cannot be changed on a device makes it new. */
export function planVxlan(device: VxlanDevice, shown: IpObject | undefined): readonly string[] {
  const { name, mac, vni, port, local, mtu } = device;
  const info = (shown?.linkinfo as { info_kind?: string; info_data?: VxlanInfo } | undefined) ?? {};
  const data = info.info_data ?? {};
  if (shown && info.info_kind !== 'vxlan') {
    throw new CniError('kernelRefused', `${name} already exists but is not a VXLAN device`);
  }
  const isIpv6 = local.includes(':');
  const hasOtherFamily = (data.local6 !== undefined) !== isIpv6;
  const isKept = shown && data.id === vni && data.port === port && data.learning === false && !hasOtherFamily;
  const lines: string[] = [];
  if (shown && !isKept) lines.push(`link del ${name}`);
  if (!isKept) {
    lines.push(
      `link add ${name} address ${mac} mtu ${mtu} type vxlan id ${vni} dstport ${port} local ${local} nolearning`,
      `link set ${name} alias ${device.alias}`,
    );
  } else {
    if ((isIpv6 ? data.local6 : data.local) !== local)
      lines.push(`link set ${name} type vxlan id ${vni} local ${local}`);
    if (shown.address !== mac) lines.push(`link set ${name} address ${mac}`);
    if (shown.mtu !== mtu) lines.push(`link set ${name} mtu ${mtu}`);
  }
  const ownAddresses = isKept ? addressesOf(shown).filter(({ scope }) => scope === 'global') : [];
  const present = ownAddresses.map(({ local: own, prefixlen }) => `${own}/${prefixlen}`);
  for (const address of present) if (address !== device.address) lines.push(`address del ${address} dev ${name}`);
  if (device.address && !present.includes(device.address)) lines.push(`address add ${device.address} dev ${name}`);
  const flags = (isKept ? (shown.flags as readonly string[] | undefined) : undefined) ?? [];
  if (!flags.includes('UP')) lines.push(`link set ${name} up`);
  return lines;
}

interface VxlanInfo {
  readonly id?: number;
  readonly port?: number;
  readonly local?: string;
  readonly local6?: string;
  readonly learning?: boolean;
}

async function explain(
  error: unknown,
  { vni, port, name }: VxlanDevice,
  host: Host,
  options: HostOptions,
): Promise<unknown> {
  if (!(error instanceof KernelError)) return error;
  if (/Unknown device type|Operation not supported|Not supported/i.test(error.output)) {
    const message = 'this kernel has no VXLAN: load its module (modprobe vxlan), or use the backend host-gw';
    return new CniError('kernelRefused', message, { details: error.message, cause: error });
  }
  if (error.isExisting) {
    const rival = await deviceWith(vni, port, host, options);
    if (rival && rival !== name) {
      const message = `vni ${vni} is taken on this machine by the device ${rival}: give one of the networks another vni, or another port`;
      return new CniError('kernelRefused', message, { details: error.message, cause: error });
    }
  }
  return new CniError('kernelRefused', `VXLAN device ${name}: ${error.message}`, { cause: error });
}

async function deviceWith(vni: number, port: number, host: Host, options: HostOptions): Promise<string | undefined> {
  const devices = await host.ipShow(['link', 'show', 'type', 'vxlan'], options);
  const found = devices.find((each) => {
    const data = (each.linkinfo as { info_data?: VxlanInfo } | undefined)?.info_data;
    return data?.id === vni && data.port === port;
  });
  return found && String(found.ifname);
}
