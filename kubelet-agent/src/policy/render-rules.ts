/** Pure: rules as nftables reads them. Protocols are numbers, because a machine without /etc/protocols knows no names. */
import type { AddressMatch, IsolationChain, PolicyChain, PortMatch, PortRange } from './ruleset.ts';

export function renderPolicyChain({ direction, family, rules, policy }: PolicyChain): readonly string[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  const side = `${ip} ${direction === 'ingress' ? 'saddr' : 'daddr'}`;
  return rules.map(({ address, ports }) => {
    const words = [addressWords(address, side), portWords(ports, ip), 'accept', `comment "${commentText(policy)}"`];
    return words.filter((each) => each !== '').join(' ');
  });
}

export function renderIsolationChain({ policyChains }: IsolationChain): readonly string[] {
  return [...policyChains.map((name) => `jump ${name}`), 'counter drop'];
}

function addressWords(match: AddressMatch, side: string): string {
  switch (match.kind) {
    case 'any':
      return '';
    case 'set':
      return `${side} @${match.set}`;
    case 'block': {
      // A whole family is no prefix to nftables; the chain sees only packets of one.
      const inside = match.cidr.endsWith('/0') ? '' : `${side} ${match.cidr}`;
      const outside = match.except.length === 0 ? '' : `${side} != { ${match.except.join(', ')} }`;
      return [inside, outside].filter((each) => each !== '').join(' ');
    }
  }
}

function portWords(match: PortMatch, ip: string): string {
  switch (match.kind) {
    case 'any':
      return '';
    case 'named':
      return `${ip} daddr . meta l4proto . th dport @${match.set}`;
    case 'numbers':
      if (match.ranges === 'all') return `meta l4proto ${match.protocol}`;
      return `meta l4proto ${match.protocol} th dport { ${match.ranges.map(rangeText).join(', ')} }`;
  }
}

function rangeText([from, to]: PortRange): string {
  return from === to ? `${from}` : `${from}-${to}`;
}

/** Bytes of a comment that nftables keeps. */
const commentLengthMax = 128;

export function commentText(text: string): string {
  return text.replace(/["\\\n]/g, '_').slice(0, commentLengthMax);
}
