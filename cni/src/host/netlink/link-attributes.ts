/** Numbers of linux/if_link.h that more than one file here needs, and the header of messages about links. Pure. */

export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  LINKINFO: 18,
  IFALIAS: 20,
  GROUP: 27,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  PROP_LIST: 52,
  ALT_IFNAME: 53,
} as const;
export const INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4, SLAVE_DATA: 5 } as const;
export const IFF = { UP: 1, LOOPBACK: 8 } as const;

/** struct ifinfomsg */
export const linkHeaderBytes = 16;

export function linkHeader(index = 0, flags = 0, changed = 0): Buffer {
  const header = Buffer.alloc(linkHeaderBytes);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(changed, 12);
  return header;
}

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}
