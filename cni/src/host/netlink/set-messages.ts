/** Elements of nftables' sets and maps as netlink messages (linux/netfilter/nf_tables.h). Pure. */
import {
  attribute,
  decodeAttributeList,
  decodeAttributes,
  messageFlags,
  nested,
  type NetlinkMessage,
  textAttribute,
} from './netlink-message.ts';

/** Which table: elements are found by its family and name. */
export interface NftTable {
  readonly family: 'inet' | 'bridge';
  readonly name: string;
}

/** Keys and values are in the kernel's form: each field of a concatenation in network order, padded to four bytes. */
export interface NftElement {
  /** Set or map that it is in. */
  readonly set: string;
  readonly key: Uint8Array;
  /** The last key of an interval, in a set of intervals of concatenations. */
  readonly keyEnd?: Uint8Array | undefined;
  /** What a map has for the key. */
  readonly value?: Uint8Array | undefined;
  /** Up to 127 bytes; `nft list` shows it. */
  readonly comment?: string | undefined;
}

const families = { inet: 1, bridge: 7 } as const;
const subsystem = 10 << 8;
const NFT_MSG_GETSET = 10;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_GETSETELEM = 13;
const NFT_MSG_DELSETELEM = 14;
const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;

const SET = { TABLE: 1, NAME: 2 };
const LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 };
const LIST_ELEM = 1;
const ELEM = { KEY: 1, DATA: 2, USERDATA: 6, KEY_END: 10 };
const DATA_VALUE = 1;
/** As `nft` writes it: type, length, text with its closing zero. */
const COMMENT_TYPE = 0;

export const batchBegin: NetlinkMessage = {
  type: NFNL_MSG_BATCH_BEGIN,
  flags: messageFlags.request,
  body: [batchHeader()],
};
export const batchEnd: NetlinkMessage = {
  type: NFNL_MSG_BATCH_END,
  flags: messageFlags.request,
  body: [batchHeader()],
};

/** Refused when the key is there already. Success is not told: acknowledgements of a large batch would not fit the buffer. */
export function addElementMessage(table: NftTable, element: NftElement): NetlinkMessage {
  const { request, create, exclusive } = messageFlags;
  return elementMessage(NFT_MSG_NEWSETELEM, request | create | exclusive, table, element);
}

export function removeElementMessage(table: NftTable, { set, key, keyEnd }: NftElement): NetlinkMessage {
  return elementMessage(NFT_MSG_DELSETELEM, messageFlags.request, table, { set, key, keyEnd });
}

export function listElementsMessage(table: NftTable, set: string): NetlinkMessage {
  return {
    type: subsystem | NFT_MSG_GETSETELEM,
    flags: messageFlags.request | messageFlags.dump,
    body: [header(table), textAttribute(LIST.TABLE, table.name), textAttribute(LIST.SET, set)],
  };
}

export function getSetMessage(table: NftTable, set: string): NetlinkMessage {
  return {
    type: subsystem | NFT_MSG_GETSET,
    flags: messageFlags.request,
    body: [header(table), textAttribute(SET.TABLE, table.name), textAttribute(SET.NAME, set)],
  };
}

/** The elements in one message of the answer to `listElementsMessage`. */
export function elementsFrom(body: Buffer, set: string): readonly NftElement[] {
  const list = decodeAttributes(body.subarray(header().length)).get(LIST.ELEMENTS);
  return (list ? decodeAttributeList(list) : []).map(([, value]) => {
    const parts = decodeAttributes(value);
    const plain = (type: number) => {
      const data = parts.get(type);
      return data && decodeAttributes(data).get(DATA_VALUE);
    };
    return {
      set,
      key: plain(ELEM.KEY) ?? Buffer.alloc(0),
      keyEnd: plain(ELEM.KEY_END),
      value: plain(ELEM.DATA),
      comment: commentFrom(parts.get(ELEM.USERDATA)),
    };
  });
}

function elementMessage(type: number, flags: number, table: NftTable, element: NftElement): NetlinkMessage {
  const { set, key, keyEnd, value, comment } = element;
  const plain = (kind: number, bytes: Uint8Array | undefined) =>
    bytes ? [nested(kind, attribute(DATA_VALUE, bytes))] : [];
  return {
    type: subsystem | type,
    flags,
    body: [
      header(table),
      textAttribute(LIST.TABLE, table.name),
      textAttribute(LIST.SET, set),
      nested(
        LIST.ELEMENTS,
        nested(
          LIST_ELEM,
          ...plain(ELEM.KEY, key),
          ...plain(ELEM.KEY_END, keyEnd),
          ...plain(ELEM.DATA, value),
          ...(comment === undefined ? [] : [attribute(ELEM.USERDATA, commentBytes(comment))]),
        ),
      ),
    ],
  };
}

function commentBytes(comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`);
  return Buffer.concat([Buffer.from([COMMENT_TYPE, text.length]), text]);
}

function commentFrom(userdata: Buffer | undefined): string | undefined {
  for (let at = 0; userdata && at + 2 <= userdata.length; at += 2 + (userdata[at + 1] ?? 0)) {
    if (userdata[at] !== COMMENT_TYPE) continue;
    return userdata
      .subarray(at + 2, at + 2 + (userdata[at + 1] ?? 0))
      .toString()
      .replace(/\0$/, '');
  }
  return undefined;
}

/** struct nfgenmsg: family, version, resource id in network order */
function header(table?: NftTable): Buffer {
  return Buffer.from([table ? families[table.family] : 0, 0, 0, 0]);
}

function batchHeader(): Buffer {
  return Buffer.from([0, 0, 0, 10]); // the subsystem nftables
}
