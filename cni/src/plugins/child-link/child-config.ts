import { CniError } from '../../spec/cni-error.ts';
import { optionalBoolean, optionalNumber } from '../../spec/json.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { type ParentWish, parseParentWish } from '../parent/parent-config.ts';

/** What macvlan and ipvlan have in common. */
export interface ChildConfig {
  readonly parent: ParentWish;
  /** The parent's when absent. */
  readonly mtu: number | undefined;
  /** A default route, for each family that there is an address of. Ours; upstream has `ipam.routes` alone. */
  readonly isDefaultGateway: boolean;
}

/** Of IPv4; the kernel's limits for such a link. */
export const mtuMin = 68;
/** The least that IPv6 works with (RFC 8200). */
export const ipv6MtuMin = 1280;
const mtuMax = 65_535;

export function parseChildConfig(network: NetworkConfig): ChildConfig {
  const mtu = optionalNumber(network, 'mtu') || undefined;
  if (mtu !== undefined && (!Number.isInteger(mtu) || mtu < mtuMin || mtu > mtuMax)) {
    throw new CniError('invalidNetworkConfig', `mtu: ${mtu} is not between ${mtuMin} and ${mtuMax}`);
  }
  const parent = parseParentWish(network);
  const isDefaultGateway = optionalBoolean(network, 'isDefaultGateway') ?? false;
  return { parent, mtu, isDefaultGateway: isDefaultGateway && parent.kind !== 'own' };
}

/** The one of `known` that the configuration names under one of the keys, else `otherwise`. */
export function choice<T extends string>(
  network: NetworkConfig,
  keys: readonly string[],
  known: Readonly<Record<T, unknown>>,
  otherwise: T,
): T {
  const key = keys.find((each) => network[each] !== undefined && network[each] !== null && network[each] !== '');
  if (key === undefined) return otherwise;
  const wanted = network[key];
  if (typeof wanted === 'string' && Object.hasOwn(known, wanted)) return wanted as T;
  const names = Object.keys(known).join(', ');
  throw new CniError('invalidNetworkConfig', `${key}: ${JSON.stringify(wanted)} is none of ${names}`);
}
