import { type IpAddress, type IpNetwork, lastValue } from '../spec/ip-address.ts';

/** Fields of keys and values as nftables keeps them: network order, padded to four bytes. Pure. */

/** Numbers, because a machine without /etc/protocols knows no names. */
export const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const;

export function protocolField(protocol: keyof typeof protocolNumbers): Buffer {
  return Buffer.from([protocolNumbers[protocol], 0, 0, 0]);
}

export function portField(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff, 0, 0]);
}

export function addressField({ family, value }: IpAddress): Buffer {
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}

/** The first and the last address, as an interval has them. */
export function networkFields(network: IpNetwork): { readonly first: Buffer; readonly last: Buffer } {
  const { family, base } = network;
  return {
    first: addressField({ family, value: base }),
    last: addressField({ family, value: lastValue(network) }),
  };
}

/** A name of an interface takes 16 bytes with its closing zeros. */
export function interfaceField(name: string): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write(name, 0, 15);
  return bytes;
}

export function macField(mac: string): Buffer {
  return Buffer.from(`${mac.replaceAll(':', '')}0000`, 'hex');
}
