import type { CniRequest } from '../../skeleton/plugin.ts';
import { fields, optionalStrings } from '../../spec/json.ts';
import { decodeDns } from '../../spec/result.ts';
import type { CniDns } from '../../spec/types.ts';

/** By the capability `dns`, by the configuration's key `dns`, else what the address plugin said. */
export function requestedDns({ network }: Pick<CniRequest<unknown>, 'network'>, allocated: CniDns): CniDns {
  const byRuntime = network.runtimeConfig?.dns;
  if (byRuntime !== undefined) {
    const said = fields(byRuntime, 'runtimeConfig.dns');
    const [nameservers, search] = [optionalStrings(said, 'servers'), optionalStrings(said, 'searches')];
    const options = optionalStrings(said, 'options');
    return { ...(nameservers ? { nameservers } : {}), ...(search ? { search } : {}), ...(options ? { options } : {}) };
  }
  const configured = network.dns === undefined || network.dns === null ? {} : decodeDns(network.dns);
  return Object.values(configured).some((value) => value.length > 0) ? configured : allocated;
}
