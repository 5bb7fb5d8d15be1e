import type { CniPlugin, CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import { formatAddress, parseAddress, parseInterfaceAddress } from '../../spec/ip-address.ts';
import { fields, type JsonObject, optionalString } from '../../spec/json.ts';
import { decodeDns } from '../../spec/result.ts';
import type { CniDns, CniIp, CniRoute, NetworkConfig } from '../../spec/types.ts';
import { parseRoutes } from '../parse-routes.ts';

export interface StaticConfig {
  readonly addresses: readonly CniIp[];
  readonly routes: readonly CniRoute[];
  readonly dns: CniDns;
}

/** Addresses that the configuration names. Nobody remembers them, so nobody notices that two containers have the same. */
export const staticAddresses: CniPlugin<StaticConfig> = {
  name: 'static',
  delegatesIpam: false,

  parseConfig(network) {
    const ipam = fields(network.ipam, 'ipam');
    const addresses = ipam.addresses ?? [];
    if (!Array.isArray(addresses)) throw invalid('ipam.addresses: expected a list');
    return {
      addresses: addresses.map((each) => parseAddressEntry(fields(each, 'ipam.addresses'))),
      routes: parseRoutes(ipam.routes),
      dns: ipam.dns === undefined ? {} : decodeDns(ipam.dns),
    };
  },

  async add(request) {
    const ips = addressesOf(request);
    if (ips.length === 0) throw invalid('ipam.addresses: no IPs were provided for static IPAM');
    return { interfaces: [], ips, routes: request.config.routes, dns: request.config.dns };
  },

  async check(request, previous) {
    const there = new Set(previous.ips.map((ip) => ip.address));
    for (const { address } of addressesOf(request)) {
      // The plugin that asked may give it as a host address.
      const lone = `${address.split('/')[0]}/${address.includes(':') ? 128 : 32}`;
      if (!there.has(address) && !there.has(lone))
        throw new CniError('checkFailed', `static: ${address} is not in the result`);
    }
  },

  del: async () => {},
};

/** What the runtime asks for replaces what the configuration says: the capability `ips`, `args.cni.ips`, then CNI_ARGS. */
function addressesOf({ network, args, config }: CniRequest<StaticConfig>): readonly CniIp[] {
  const asked = requestedBy(network, args);
  if (asked.length === 0) return config.addresses;
  const gateways = (args.get('GATEWAY') ?? '').split(',').filter((text) => text !== '');
  return asked.map((text) => {
    const { address, prefixLength } = parseInterfaceAddress(withPrefixLength(text, config));
    const gateway = gateways.map((each) => parseAddress(each)).find((each) => each.family === address.family);
    const known = config.addresses.find((each) => each.address.includes(':') === (address.family === 6))?.gateway;
    const through = gateway ? formatAddress(gateway) : known;
    return { address: `${formatAddress(address)}/${prefixLength}`, ...(through ? { gateway: through } : {}) };
  });
}

function requestedBy(network: NetworkConfig, args: ReadonlyMap<string, string>): readonly string[] {
  const byCapability = network.runtimeConfig?.ips ?? [];
  const byArgs = network.args?.cni?.ips;
  const lists = [byCapability.map(String), Array.isArray(byArgs) ? byArgs.map(String) : [], split(args.get('IP'))];
  return lists.find((list) => list.length > 0) ?? [];
}

/** An address without a length takes the one of the configured address of its family. */
function withPrefixLength(text: string, { addresses }: StaticConfig): string {
  if (text.includes('/')) return text;
  const like = addresses.find(({ address }) => address.includes(':') === text.includes(':'));
  if (like) return `${text}/${like.address.split('/')[1]}`;
  throw invalid(`ips: ${text} has no prefix length, as in 10.1.2.3/24`);
}

function split(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').filter((each) => each !== '');
}

function parseAddressEntry(raw: JsonObject): CniIp {
  const { address, prefixLength } = parseInterfaceAddress(optionalString(raw, 'address') ?? '');
  const gateway = optionalString(raw, 'gateway');
  return {
    address: `${formatAddress(address)}/${prefixLength}`,
    ...(gateway ? { gateway: formatAddress(parseAddress(gateway)) } : {}),
  };
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
