import { isIPv4 } from 'node:net';
import { formatAddress } from '@slipway/cni';

/** `5.0.64.10.in-addr.arpa` → `10.64.0.5`, as the API writes addresses; undefined when the name is no whole address. */
export function addressOfReverseName(name: string): string | undefined {
  if (name.endsWith('.in-addr.arpa')) {
    const address = name.slice(0, -'.in-addr.arpa'.length).split('.').toReversed().join('.');
    return isIPv4(address) ? address : undefined;
  }
  if (!name.endsWith('.ip6.arpa')) return undefined;
  const digits = name.slice(0, -'.ip6.arpa'.length).split('.').toReversed();
  if (digits.length !== 32 || !digits.every((digit) => /^[0-9a-f]$/.test(digit))) return undefined;
  return formatAddress({ family: 6, value: BigInt(`0x${digits.join('')}`) });
}
