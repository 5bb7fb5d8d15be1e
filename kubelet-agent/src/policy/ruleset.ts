/**
 * Network policies of a node as a value. Two chains stand in the way of every forwarded packet, one for what its sender may
 * send and one for what its receiver may receive; each looks up the pod's address and jumps to what isolates that pod:
 *
 *     forward ─▶ egress   replies pass ─▶ egress{4,6}   sender's address   ─▶ isolation chain ─▶ chain per policy
 *             └▶ ingress  replies pass ─▶ ingress{4,6}  receiver's address ─▶ isolation chain ─▶ chain per policy
 *
 * A rule of a policy accepts or does nothing; the isolation chain drops at its end. Chains are named by a hash of their
 * content, so they never change. Peers are in sets named by what selects them: policies that select the same pods share
 * a set, and a pod that comes or goes is an element of sets, and no rule.
 */
import { createHash } from 'node:crypto';
import type { PeerSelector } from './peer-selector.ts';

export type Family = 4 | 6;
export type Direction = 'ingress' | 'egress';

export const protocolNumbers: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** Which addresses the other side may have. */
export type AddressMatch =
  | { readonly kind: 'any' }
  | { readonly kind: 'set'; readonly set: string }
  | { readonly kind: 'block'; readonly cidr: string; readonly except: readonly string[] };

/** To which ports. Ranges are sorted and apart from each other; 'all' = the protocol whatever the port. */
export type PortMatch =
  | { readonly kind: 'any' }
  | { readonly kind: 'numbers'; readonly protocol: number; readonly ranges: readonly PortRange[] | 'all' }
  /** A set of receivers' addresses with protocol and port. */
  | { readonly kind: 'named'; readonly set: string };

export type PortRange = readonly [from: number, to: number];

/** Lets a packet pass that fits both. */
export interface AllowRule {
  readonly address: AddressMatch;
  readonly ports: PortMatch;
}

/** Addresses of the pods that a selector selects, or these with the ports that have a name. */
export interface MemberSet {
  readonly name: string;
  readonly family: Family;
  readonly selector: PeerSelector;
  readonly port: NamedPortRef | undefined;
}

export interface NamedPortRef {
  readonly name: string;
  readonly protocol: string;
}

export interface PolicyChain {
  readonly direction: Direction;
  readonly family: Family;
  readonly rules: readonly AllowRule[];
  /** `default/deny-all` */
  readonly policy: string;
}

export interface IsolationChain {
  /** Names of chains. What none of them lets pass is dropped. */
  readonly policyChains: readonly string[];
}

export interface DispatchElement {
  /** Name of an isolation chain. */
  readonly chain: string;
  /** `default/web-1` */
  readonly pod: string;
}

export type DispatchMap = `${Direction}${Family}`;
export const dispatchMaps: readonly DispatchMap[] = ['egress4', 'egress6', 'ingress4', 'ingress6'];

export interface PolicyRuleset {
  readonly policyChains: ReadonlyMap<string, PolicyChain>;
  readonly isolationChains: ReadonlyMap<string, IsolationChain>;
  readonly dispatch: Readonly<Record<DispatchMap, ReadonlyMap<string, DispatchElement>>>;
  /** Their content changes without the rest; whoever follows pods keeps it. */
  readonly memberSets: ReadonlyMap<string, MemberSet>;
  /** Named ports of this node's own pods: set name → elements. */
  readonly ownPorts: ReadonlyMap<string, { readonly family: Family; readonly elements: ReadonlySet<string> }>;
}

export function policyTableName(clusterId: string): string {
  return `slipway-${clusterId}-policy`;
}

/** `PREFIX-` and a hash of the content. */
export function contentName(prefix: string, content: readonly string[]): string {
  return `${prefix}-${createHash('sha256').update(content.join('\n')).digest('hex').slice(0, 16)}`;
}

export function portElement(address: string, protocol: string, port: number): string {
  return `${address} . ${protocolNumbers[protocol] ?? 0} . ${port}`;
}
