import { formatIp, type IpBlock, parseCidr } from '@slipway/api/ip-address';
import { type LabelMatcher, matcherOf } from '@slipway/api/selector';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '@slipway/api/types';
import { everyPod, type PeerSelector, peerSelectorFrom } from './peer-selector.ts';
import {
  type AddressMatch,
  type AllowRule,
  contentName,
  type Direction,
  type Family,
  type MemberSet,
  type NamedPortRef,
  type PolicyChain,
  type PortMatch,
  type PortRange,
  protocolNumbers,
} from './ruleset.ts';
import { renderPolicyChain } from './render-rules.ts';

/** A policy's chain for one direction and family, with the sets that it asks about. */
export interface CompiledChain {
  /** Undefined when it lets nothing pass. */
  readonly name: string | undefined;
  readonly chain: PolicyChain;
  readonly memberSets: readonly MemberSet[];
  /** Named ports of the pods that the policy protects: set name → port. */
  readonly ownPorts: ReadonlyMap<string, NamedPortRef>;
}

export interface CompiledPolicy {
  readonly key: string;
  readonly namespace: string;
  readonly selector: LabelMatcher;
  isolates(direction: Direction): boolean;
  /** Made when it is first asked for: most policies protect no pod of a given node. */
  chain(direction: Direction, family: Family): CompiledChain;
}

/** Pure. The policy has its defaults, as the API server gives it. */
export function compilePolicy(policy: NetworkPolicy): CompiledPolicy {
  const { namespace = '', name = '' } = policy.metadata;
  const key = `${namespace}/${name}`;
  const types = policy.spec.policyTypes ?? ['Ingress'];
  const made = new Map<string, CompiledChain>();
  return {
    key,
    namespace,
    selector: matcherOf(policy.spec.podSelector ?? {}),
    isolates: (direction) => types.includes(direction === 'ingress' ? 'Ingress' : 'Egress'),
    chain(direction, family) {
      const known = made.get(`${direction}${family}`);
      if (known) return known;
      const builder = new ChainBuilder(namespace, direction, family);
      const rules = rulesOf(policy, direction).flatMap(({ peers, ports }) => builder.rules(peers, ports));
      const chain = { direction, family, rules, policy: key };
      const name = rules.length > 0 ? contentName('policy', [direction, ...renderPolicyChain(chain)]) : undefined;
      const compiled = { name, chain, memberSets: [...builder.memberSets.values()], ownPorts: builder.ownPorts };
      made.set(`${direction}${family}`, compiled);
      return compiled;
    },
  };
}

interface Rule {
  readonly peers: readonly NetworkPolicyPeer[];
  readonly ports: readonly NetworkPolicyPort[];
}

function rulesOf({ spec }: NetworkPolicy, direction: Direction): readonly Rule[] {
  if (direction === 'ingress') {
    return (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from ?? [], ports: ports ?? [] }));
  }
  return (spec.egress ?? []).map(({ to, ports }) => ({ peers: to ?? [], ports: ports ?? [] }));
}

/** Whom a rule names: pods, or addresses. */
type Peer = { readonly pods: PeerSelector } | { readonly block: AddressMatch } | { readonly everybody: true };

class ChainBuilder {
  readonly memberSets = new Map<string, MemberSet>();
  readonly ownPorts = new Map<string, NamedPortRef>();
  readonly #namespace: string;
  readonly #direction: Direction;
  readonly #family: Family;

  constructor(namespace: string, direction: Direction, family: Family) {
    this.#namespace = namespace;
    this.#direction = direction;
    this.#family = family;
  }

  /** One rule per peer and protocol, and one per peer and named port. No peers, or no ports, means any. */
  rules(peers: readonly NetworkPolicyPeer[], ports: readonly NetworkPolicyPort[]): AllowRule[] {
    const sides: Peer[] = peers.length === 0 ? [{ everybody: true }] : peers.flatMap((peer) => this.#peer(peer));
    const numbers = portNumbers(ports);
    const names = ports.flatMap(({ port, protocol = 'TCP' }) =>
      typeof port === 'string' ? [{ name: port, protocol }] : [],
    );
    return sides.flatMap((side) => [
      ...numbers.map((match) => ({ address: this.#address(side), ports: match })),
      ...names.map((port) => this.#namedRule(side, port)),
    ]);
  }

  /** Nothing for a block of the other family. */
  #peer(peer: NetworkPolicyPeer): Peer[] {
    if (!peer.ipBlock) return [{ pods: peerSelectorFrom(peer, this.#namespace) }];
    const block = parseCidr(peer.ipBlock.cidr ?? '');
    if (block?.family !== this.#family) return [];
    const except = outermost((peer.ipBlock.except ?? []).flatMap((text) => parseCidr(text) ?? []));
    return [{ block: { kind: 'block', cidr: blockText(block), except: except.map(blockText) } }];
  }

  #address(side: Peer): AddressMatch {
    if ('everybody' in side) return { kind: 'any' };
    if ('block' in side) return side.block;
    return { kind: 'set', set: this.#memberSet(side.pods, undefined) };
  }

  /** A name is one of the receiving pod's: of the protected pod for ingress, of the peer for egress. */
  #namedRule(side: Peer, port: NamedPortRef): AllowRule {
    if (this.#direction === 'ingress') {
      const set = contentName(`own${this.#family}`, [port.name, port.protocol]);
      this.ownPorts.set(set, port);
      return { address: this.#address(side), ports: { kind: 'named', set } };
    }
    if ('pods' in side) {
      return { address: { kind: 'any' }, ports: { kind: 'named', set: this.#memberSet(side.pods, port) } };
    }
    return { address: this.#address(side), ports: { kind: 'named', set: this.#memberSet(everyPod, port) } };
  }

  #memberSet(selector: PeerSelector, port: NamedPortRef | undefined): string {
    const content = [selector.key, ...(port ? [port.name, port.protocol] : [])];
    const name = contentName(`${port ? 'ports' : 'peers'}${this.#family}`, content);
    this.memberSets.set(name, { name, family: this.#family, selector, port });
    return name;
  }
}

/** One match per protocol; a single one for any port when none is given. Names are left out. */
function portNumbers(ports: readonly NetworkPolicyPort[]): PortMatch[] {
  if (ports.length === 0) return [{ kind: 'any' }];
  const ranges = new Map<number, PortRange[] | 'all'>();
  for (const { port, endPort, protocol = 'TCP' } of ports) {
    const number = protocolNumbers[protocol];
    if (number === undefined || typeof port === 'string') continue;
    const known = ranges.get(number) ?? [];
    if (known === 'all') continue;
    if (port === undefined) ranges.set(number, 'all');
    else ranges.set(number, [...known, [port, endPort ?? port]]);
  }
  return [...ranges].map(([protocol, list]) => ({
    kind: 'numbers',
    protocol,
    ranges: list === 'all' ? 'all' : mergeRanges(list),
  }));
}

/** Sorted, and joined where they touch: the kernel takes no ranges that overlap. */
export function mergeRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  const merged: [number, number][] = [];
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** Without those that lie in another one. Blocks never overlap in part. */
function outermost(blocks: readonly IpBlock[]): readonly IpBlock[] {
  const kept: IpBlock[] = [];
  for (const block of blocks.toSorted((a, b) => a.prefixLength - b.prefixLength)) {
    const isInside = kept.some(
      ({ family, base, size }) => family === block.family && block.base >= base && block.base < base + size,
    );
    if (!isInside) kept.push(block);
  }
  return kept;
}

function blockText({ family, base, prefixLength }: IpBlock): string {
  return `${formatIp({ family, value: base })}/${prefixLength}`;
}
