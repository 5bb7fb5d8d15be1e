import { isInterfaceName } from '../../skeleton/parse-invocation.ts';
import { CniError } from '../../spec/cni-error.ts';
import { optionalBoolean, optionalString } from '../../spec/json.ts';
import type { NetworkConfig } from '../../spec/types.ts';

/** What a container's interface hangs on. */
export type ParentWish =
  | {
      readonly kind: 'named';
      readonly name: string;
      /** The key of the configuration that names it, for messages. */
      readonly field: 'master' | 'parent';
      /** Looked up in the container, where it must be already. */
      readonly isInContainer: boolean;
    }
  /** Upstream's default: the interface of the host's default route. */
  | { readonly kind: 'default-route' }
  /** A link of ours that leads nowhere: an isolated network. */
  | { readonly kind: 'own' };

/** The sub-interface that `eth0.50` is: VLAN 50 of `eth0`. */
export interface VlanName {
  readonly base: string;
  readonly id: number;
}

const vlanIdMax = 4094;

/** `master` and `linkInContainer` are upstream's keys, `parent` and `internal` ours. */
export function parseParentWish(network: NetworkConfig): ParentWish {
  const { master, parent } = { master: nameIn(network, 'master'), parent: nameIn(network, 'parent') };
  if (master && parent && master !== parent) throw invalid(`master ${master} and parent ${parent} are different`);
  const isInContainer = optionalBoolean(network, 'linkInContainer') ?? false;
  if (optionalBoolean(network, 'internal') ?? false) {
    if (isInContainer) throw invalid('internal and linkInContainer exclude each other');
    return { kind: 'own' };
  }
  const name = parent ?? master;
  if (name !== undefined) return { kind: 'named', name, field: parent ? 'parent' : 'master', isInContainer };
  if (isInContainer) throw invalid('linkInContainer needs a master: the container has no default to take');
  return { kind: 'default-route' };
}

/** Undefined for a name that has no VLAN in it. */
export function parseVlanName(name: string): VlanName | undefined {
  const [, base, digits] = /^(.+)\.(\d{1,4})$/.exec(name) ?? [];
  const id = Number(digits);
  return base !== undefined && id >= 1 && id <= vlanIdMax ? { base, id } : undefined;
}

function nameIn(network: NetworkConfig, field: 'master' | 'parent'): string | undefined {
  const name = optionalString(network, field) || undefined;
  if (name === undefined || isInterfaceName(name)) return name;
  throw invalid(`${field}: ${JSON.stringify(name)} cannot be the name of an interface (1 to 15 characters)`);
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
