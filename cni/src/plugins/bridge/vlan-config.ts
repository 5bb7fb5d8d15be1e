import { CniError } from '../../spec/cni-error.ts';
import { fields, type JsonObject, optionalBoolean, optionalNumber } from '../../spec/json.ts';
import type { NetworkConfig } from '../../spec/types.ts';

/** VLANs of a port, kept apart by the bridge itself. */
export interface PortVlans {
  /** Frames without a tag belong to it. */
  readonly native: number | undefined;
  /** Frames with these tags pass as they are. */
  readonly tagged: readonly number[];
  /** Whether the port stays in VLAN 1, where the bridge puts every port. */
  readonly keepsDefault: boolean;
}

const vlanIdMax = 4094;

/** `vlan`, `vlanTrunk`, `preserveDefaultVlan`. Undefined when the bridge does not look at VLANs at all. */
export function parsePortVlans(network: NetworkConfig): PortVlans | undefined {
  const vlan = optionalNumber(network, 'vlan') ?? 0;
  if (vlan !== 0 && !isVlanId(vlan)) throw invalid(`vlan: ${vlan} is not between 0 and ${vlanIdMax}`);
  const trunk = network.vlanTrunk ?? [];
  if (!Array.isArray(trunk)) throw invalid('vlanTrunk: expected a list');
  const tagged = trunk.flatMap((each, i) => parseTrunk(fields(each, `vlanTrunk[${i}]`), `vlanTrunk[${i}]`));
  if (vlan === 0 && tagged.length === 0) return undefined;
  return {
    native: vlan || undefined,
    tagged: [...new Set(tagged)].filter((id) => id !== vlan),
    keepsDefault: optionalBoolean(network, 'preserveDefaultVlan') ?? true,
  };
}

/** `{ id }`, `{ minID, maxID }` or both. */
function parseTrunk(entry: JsonObject, where: string): readonly number[] {
  const id = optionalNumber(entry, 'id');
  const min = optionalNumber(entry, 'minID');
  const max = optionalNumber(entry, 'maxID');
  for (const each of [id, min, max]) {
    if (each !== undefined && !isVlanId(each)) throw invalid(`${where}: ${each} is not between 1 and ${vlanIdMax}`);
  }
  if ((min === undefined) !== (max === undefined)) throw invalid(`${where}: minID and maxID belong together`);
  if (min !== undefined && max !== undefined && min > max) throw invalid(`${where}: minID is greater than maxID`);
  const range = min === undefined || max === undefined ? [] : Array.from({ length: max - min + 1 }, (_, i) => min + i);
  if (id === undefined && range.length === 0) throw invalid(`${where}: neither id nor minID and maxID`);
  return [...(id === undefined ? [] : [id]), ...range];
}

function isVlanId(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= vlanIdMax;
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
