import { isInBlock, parseCidr, parseIp } from '@slipway/api/ip-address';
import { type AllowRule, type Direction, type PolicyRuleset, portElement, protocolNumbers } from '../ruleset.ts';
import type { Packet } from './naive-model.ts';

/** What the kernel would answer to the first packet of a connection, said by the value instead. */
export function isLetThrough(
  ruleset: PolicyRuleset,
  members: (set: string) => ReadonlySet<string>,
  packet: Packet,
): boolean {
  if (packet.from === packet.to) return true;
  const elementsOf = (set: string) => ruleset.ownPorts.get(set)?.elements ?? members(set);
  return (['egress', 'ingress'] as const).every((direction) => {
    const own = direction === 'egress' ? packet.from : packet.to;
    const element = ruleset.dispatch[`${direction}${own.includes(':') ? 6 : 4}`].get(own);
    if (!element) return true;
    const isolation = ruleset.isolationChains.get(element.chain);
    return (isolation?.policyChains ?? []).some((name) =>
      ruleset.policyChains.get(name)?.rules.some((rule) => fits(rule, direction, packet, elementsOf)),
    );
  });
}

function fits(
  { address, ports }: AllowRule,
  direction: Direction,
  packet: Packet,
  elementsOf: (set: string) => ReadonlySet<string>,
): boolean {
  const other = direction === 'egress' ? packet.to : packet.from;
  const isAddress =
    address.kind === 'any' ||
    (address.kind === 'set' && elementsOf(address.set).has(other)) ||
    (address.kind === 'block' && isIn(address.cidr, other) && !address.except.some((cidr) => isIn(cidr, other)));
  if (!isAddress) return false;
  if (ports.kind === 'any') return true;
  if (ports.kind === 'named') {
    return elementsOf(ports.set).has(portElement(packet.to, packet.protocol, packet.port));
  }
  return (
    protocolNumbers[packet.protocol] === ports.protocol &&
    (ports.ranges === 'all' || ports.ranges.some(([from, to]) => packet.port >= from && packet.port <= to))
  );
}

function isIn(cidr: string, ip: string): boolean {
  const block = parseCidr(cidr);
  const address = parseIp(ip);
  return block !== undefined && address !== undefined && isInBlock(block, address);
}
