/**
 * How a LAN learns which station has an address: ARP (RFC 826) and neighbour discovery (RFC 4861), as whole Ethernet frames. Pure.
 * A probe asks who has an address, without saying an own one, so that nobody's memory changes (RFC 5227, RFC 4862);
 * an announcement tells everybody at once (gratuitous ARP, unsolicited advertisement).
 */
import { type IpAddress, formatIp } from '@slipway/api/ip-address';

export const etherTypes = { 4: 0x0806, 6: 0x86dd } as const;

const everybody = 'ff:ff:ff:ff:ff:ff';
const requestCode = 1;
const replyCode = 2;
const nextHeaderIcmp6 = 58;
const solicitation = 135;
const advertisement = 136;
const overrideFlag = 0x20000000;
const targetLinkOption = 2;

export function probeFrame(address: IpAddress, mac: string): Buffer {
  return address.family === 4
    ? arpFrame(everybody, mac, requestCode, Buffer.alloc(4), bytesOf(address))
    : solicitationFrame(bytesOf(address), mac);
}

export function announcementFrame(address: IpAddress, mac: string): Buffer {
  const own = bytesOf(address);
  return address.family === 4 ? arpFrame(everybody, mac, requestCode, own, own) : advertisementFrame(own, mac);
}

/** The address that the sender of the frame says it has; undefined when it says none. */
export function addressToldBy(frame: Buffer): string | undefined {
  if (frame.length < 42) return undefined;
  const etherType = frame.readUInt16BE(12);
  if (etherType === etherTypes[4]) {
    const sender = frame.readUInt32BE(28);
    return sender === 0 ? undefined : formatIp({ family: 4, value: BigInt(sender) });
  }
  if (etherType !== etherTypes[6] || frame.length < 78) return undefined;
  if (frame[20] !== nextHeaderIcmp6 || frame[54] !== advertisement) return undefined;
  return formatIp({ family: 6, value: BigInt(`0x${frame.subarray(62, 78).toString('hex')}`) });
}

export function senderOf(frame: Buffer): string {
  return [...frame.subarray(6, 12)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function arpFrame(to: string, mac: string, code: number, sender: Buffer, target: Buffer): Buffer {
  const header = Buffer.from([0, 1, 8, 0, 6, 4, 0, code]);
  const targetMac = code === replyCode ? macBytes(to) : Buffer.alloc(6);
  return Buffer.concat([ethernet(to, mac, etherTypes[4]), header, macBytes(mac), sender, targetMac, target]);
}

function solicitationFrame(target: Buffer, mac: string): Buffer {
  const last = target.subarray(13);
  const group = Buffer.concat([Buffer.from('ff0200000000000000000001ff', 'hex'), last]);
  const to = `33:33:ff:${[...last].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;
  return icmp6Frame(to, mac, Buffer.alloc(16), group, Buffer.concat([icmp6Header(solicitation, 0), target]));
}

function advertisementFrame(own: Buffer, mac: string): Buffer {
  const all = Buffer.from('ff020000000000000000000000000001', 'hex');
  const option = Buffer.concat([Buffer.from([targetLinkOption, 1]), macBytes(mac)]);
  const body = Buffer.concat([icmp6Header(advertisement, overrideFlag), own, option]);
  return icmp6Frame('33:33:00:00:00:01', mac, own, all, body);
}

/** Type, code, room for the checksum, flags. */
function icmp6Header(type: number, flags: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes[0] = type;
  bytes.writeUInt32BE(flags, 4);
  return bytes;
}

function icmp6Frame(to: string, mac: string, source: Buffer, destination: Buffer, body: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = 0x60;
  header.writeUInt16BE(body.length, 4);
  header[6] = nextHeaderIcmp6;
  header[7] = 255; // neighbours take no packet that a router has passed on
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(body.length, 0);
  pseudo[7] = nextHeaderIcmp6;
  body.writeUInt16BE(checksum(Buffer.concat([source, destination, pseudo, body])), 2);
  return Buffer.concat([ethernet(to, mac, etherTypes[6]), header, source, destination, body]);
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function ethernet(to: string, from: string, etherType: number): Buffer {
  const type = Buffer.alloc(2);
  type.writeUInt16BE(etherType);
  return Buffer.concat([macBytes(to), macBytes(from), type]);
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}

function bytesOf({ family, value }: IpAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}
