import { CniError } from '../../spec/cni-error.ts';
import { formatNetwork, parseNetwork } from '../../spec/ip-address.ts';
import { fields, type JsonObject, optionalNumber, optionalStrings } from '../../spec/json.ts';
import type { NetworkConfig } from '../../spec/types.ts';

/** A token bucket. */
export interface Shaping {
  /** Bits per second. */
  readonly rate: number;
  /** Bits that may go at once after a rest. */
  readonly burst: number;
}

/** The keys of the reference bandwidth plugin. Directions as the container sees them. */
export interface BandwidthConfig {
  readonly ingress: Shaping | undefined;
  readonly egress: Shaping | undefined;
  /** Peers; which ones, `selects` says. Empty: every packet is shaped. */
  readonly subnets: readonly string[];
  /** Whether the subnets are those that are shaped, or those that are spared. */
  readonly selects: 'shaped' | 'unshaped';
}

/** The kernel counts a bucket's bytes in 32 bits. */
const burstBitsMax = (2 ** 32 - 1) * 8;
/** The least that tc's arithmetic in bytes can say. */
const rateMin = 8;

/** What the runtime says by capability replaces all rates of the configuration. */
export function parseBandwidthConfig(network: NetworkConfig): BandwidthConfig {
  const byRuntime = network.runtimeConfig?.bandwidth;
  const source = byRuntime === undefined ? network : fields(byRuntime, 'runtimeConfig.bandwidth');
  const shaped = subnets(source, 'shapedSubnets');
  const unshaped = subnets(source, 'unshapedSubnets');
  if (shaped.length > 0 && unshaped.length > 0) {
    throw invalid('shapedSubnets and unshapedSubnets exclude each other');
  }
  return {
    ingress: shaping(source, 'ingress'),
    egress: shaping(source, 'egress'),
    subnets: [...shaped, ...unshaped],
    selects: shaped.length > 0 ? 'shaped' : 'unshaped',
  };
}

function shaping(source: JsonObject, direction: 'ingress' | 'egress'): Shaping | undefined {
  const rate = optionalNumber(source, `${direction}Rate`) ?? 0;
  const burst = optionalNumber(source, `${direction}Burst`) ?? 0;
  if (rate === 0 && burst === 0) return undefined;
  if (!Number.isSafeInteger(rate) || rate < rateMin) {
    throw invalid(`${direction}Rate: ${rate} is not a rate in bits per second, which ${direction}Burst needs`);
  }
  if (!Number.isSafeInteger(burst) || burst <= 0) {
    throw invalid(`${direction}Burst: ${burst} is not a number of bits, which ${direction}Rate needs`);
  }
  if (burst > burstBitsMax) throw invalid(`${direction}Burst: ${burst} is more than ${burstBitsMax} bits`);
  return { rate, burst };
}

function subnets(source: JsonObject, key: string): readonly string[] {
  return (optionalStrings(source, key) ?? []).map((text) => {
    try {
      return formatNetwork(parseNetwork(text));
    } catch (cause) {
      throw new CniError('invalidNetworkConfig', `${key}: ${JSON.stringify(text)} is no subnet`, { cause });
    }
  });
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
