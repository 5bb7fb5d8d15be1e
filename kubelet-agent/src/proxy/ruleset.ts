import { createHash } from 'node:crypto';

/**
 * The service proxy's table as a value. Maps dispatch by destination, to chains that services share; the pods behind are
 * elements of maps, too, numbered from 0 under the destination. So a change of one pod is a change of elements, and the
 * kernel has a few chains, however many services there are:
 *
 *     prerouting, output ─▶ services{4,6}   address . protocol . port ─▶ chain
 *                        └▶ nodeports{4,6}  protocol . port           ─▶ chain (address is one of the node)
 *     chain for n pods: a random number below n, then
 *                           backends-PROTOCOL{4,6}      address . port . number ─▶ pod . port
 *                           portbackends-PROTOCOL{4,6}  port . number           ─▶ pod . port
 *     prerouting, output (filter) ─▶ refused{4,6}, refusedports{4,6} ─▶ reject or drop
 *     postrouting ─▶ marked packets, and hairpin{4,6} (pods that reached themselves), are masqueraded
 *
 * The names of chains are hashes of their content: a chain never changes, and what the kernel has is compared by names. A
 * service with session affinity has chains of its own, with a set of its clients for each pod.
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
  /** What a map leads to: `goto pick-1a2b`, or `10.64.0.5 . 8080`. Nothing for a set. */
  readonly data: string | undefined;
  /** The service port and the pod, for whoever reads the table. */
  readonly comment: string;
}

export type Family = 4 | 6;

export const protocolNumbers: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** Marks packets that shall leave with the node's address. A bit that upstream's proxy uses for the same. */
export const masqueradeMark = '0x4000';

export function proxyTableName(clusterId: string): string {
  return `slipway-${clusterId}-proxy`;
}

/** Chains that lead to nothing of a service's own. */
const sharedPrefixes = ['pick-', 'int-', 'ext-'];

export function isShared(chain: string): boolean {
  return sharedPrefixes.some((prefix) => chain.startsWith(prefix));
}

/** `pick-` and a hash of the rules. */
export function contentName(prefix: string, content: readonly string[]): string {
  return `${prefix}-${createHash('sha256').update(content.join('\n')).digest('hex').slice(0, 16)}`;
}

/** Bytes of a comment that nftables keeps. */
const commentLengthMax = 128;

export function commentText(text: string): string {
  return text.replace(/["\\\n]/g, '_').slice(0, commentLengthMax);
}
