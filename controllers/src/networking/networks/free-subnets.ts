import { type IpBlock, parseCidr } from '@slipway/api/ip-address';
import { blocksOverlap, formatBlock } from '@slipway/api/networks/network-addresses';
import { invariant } from '@slipway/kit/invariant';

/** Networks that name no subnet get one of 1,024 from here: 4,096 addresses, half of them given out in blocks of 128. */
const pool4 = '10.128.0.0/10';
const prefix4 = 20;
/** Unique local addresses; the number of the subnet stands in the fourth group. */
const pool6 = 'fd73:6c69:7077::/48';
const prefix6 = 64;

/** The first subnets of the pool that overlap with none that are taken, one for each family wanted. Empty when none is left. */
export function freeSubnets(taken: readonly IpBlock[], wantsIpv6: boolean): readonly string[] {
  const found = [firstFree(pool4, prefix4, taken), ...(wantsIpv6 ? [firstFree(pool6, prefix6, taken)] : [])];
  return found.every((each) => each !== undefined) ? found.map((each) => each ?? '') : [];
}

function firstFree(pool: string, prefixLength: number, taken: readonly IpBlock[]): string | undefined {
  const whole = parseCidr(pool);
  invariant(whole, pool);
  const size = 1n << BigInt((whole.family === 4 ? 32 : 128) - prefixLength);
  for (let base = whole.base; base < whole.base + whole.size; base += size) {
    const block = { family: whole.family, base, prefixLength, size };
    if (!taken.some((other) => blocksOverlap(block, other))) return formatBlock(block);
  }
  return undefined;
}
