import { createHash } from 'node:crypto';

/**
 * The service proxy's table as a value. Everything that belongs to a service lives in chains whose names are hashes of
 * their content: a chain never changes, so what the kernel has is compared by names, and a change of one service is one
 * new chain, one map element that leads to it, and one old chain less. Maps dispatch by destination:
 *
 *     prerouting, output ─▶ services{4,6}   address . protocol . port ─▶ chain of the service port
 *                        └▶ nodeports{4,6}  protocol . port           ─▶ chain (address is one of the node)
 *     prerouting, output (filter) ─▶ refused{4,6}, refusedports{4,6} ─▶ reject or drop
 *     postrouting ─▶ marked packets, and hairpin{4,6} (pods that reached themselves), are masqueraded
 *
 * Protocols are numbers, because a machine without /etc/protocols knows no names.
 */
export interface Ruleset {
  /** Chain name → its rules. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Sets of clients with session affinity: name → declaration. Their content is the kernel's. */
  readonly affinitySets: ReadonlyMap<string, string>;
  /** Map or set name → key → element. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, RulesetElement>>;
}

export interface RulesetElement {
  /** What a map leads to: `goto svc-1a2b`. Nothing for a set. */
  readonly verdict: string | undefined;
  /** The service port, for whoever reads the table. */
  readonly comment: string;
}

export type Family = 4 | 6;

export const protocolNumbers: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** Marks packets that shall leave with the node's address. A bit that upstream's proxy uses for the same. */
export const masqueradeMark = '0x4000';

export const dispatchMaps = ['services', 'nodeports', 'refused', 'refusedports'] as const;

export function proxyTableName(clusterId: string): string {
  return `slipway-${clusterId}-proxy`;
}

/** `svc-` and a hash of the rules. */
export function contentName(prefix: string, content: readonly string[]): string {
  return `${prefix}-${createHash('sha256').update(content.join('\n')).digest('hex').slice(0, 16)}`;
}

/** Bytes of a comment that nftables keeps. */
const commentLengthMax = 128;

export function commentText(text: string): string {
  return text.replace(/["\\\n]/g, '_').slice(0, commentLengthMax);
}
