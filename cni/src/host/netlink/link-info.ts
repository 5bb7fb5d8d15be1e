import type { LinkInfo } from '../host.ts';
import { IFF, IFLA, INFO, linkHeaderBytes } from './link-attributes.ts';
import { decodeAttributeList, decodeAttributes } from './netlink-message.ts';

/** What RTM_GETLINK answered. Pure. */
export function decodeLinkInfo(body: Buffer): LinkInfo {
  const flags = body.readUInt32LE(8);
  const found = decodeAttributes(body.subarray(linkHeaderBytes));
  const kind = decodeAttributes(found.get(IFLA.LINKINFO) ?? empty).get(INFO.KIND);
  const alias = found.get(IFLA.IFALIAS);
  return {
    name: textOf(found.get(IFLA.IFNAME)),
    index: body.readInt32LE(4),
    isUp: (flags & IFF.UP) !== 0,
    isLoopback: (flags & IFF.LOOPBACK) !== 0,
    mac: [...(found.get(IFLA.ADDRESS) ?? empty)].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    mtu: found.get(IFLA.MTU)?.readUInt32LE(0) ?? 0,
    group: found.get(IFLA.GROUP)?.readUInt32LE(0) ?? 0,
    kind: kind === undefined ? undefined : textOf(kind),
    alias: alias === undefined ? undefined : textOf(alias),
    alternativeNames: decodeAttributeList(found.get(IFLA.PROP_LIST) ?? empty)
      .filter(([type]) => type === IFLA.ALT_IFNAME)
      .map(([, value]) => textOf(value)),
  };
}

const empty = Buffer.alloc(0);

function textOf(value: Buffer | undefined): string {
  return String(value ?? '').replace(/\0$/, '');
}
