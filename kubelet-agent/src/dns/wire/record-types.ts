/** Types of records that have a meaning here, by their numbers on the wire. */
export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  OPT: 41,
  DS: 43,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

const names = new Map<number, string>(Object.entries(recordTypes).map(([name, code]) => [code, name]));

/** `A`; `TYPE99` for one that we do not know (RFC 3597). */
export function typeName(code: number): string {
  return names.get(code) ?? `TYPE${code}`;
}

export const rcodes = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
export type Rcode = keyof typeof rcodes;

export const headerBytes = 12;
export const internetClass = 1;

export const flags = {
  isResponse: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  checkingDisabled: 0x0010,
} as const;

/** Of the OPT record's flags. */
export const dnssecOk = 0x8000;

/** Without EDNS (RFC 1035). */
export const plainUdpBytes = 512;
/** What fits into one packet on any network (DNS flag day 2020); we offer no more, and answer no more. */
export const udpBytesMax = 1232;
/** The length field before a message on TCP has two bytes. */
export const tcpBytesMax = 65_535;
