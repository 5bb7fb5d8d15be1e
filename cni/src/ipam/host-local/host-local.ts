import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CniPlugin, CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import { fields, optionalString } from '../../spec/json.ts';
import { formatAddress, type IpAddress, parseAddress } from '../../spec/ip-address.ts';
import type { Attachment, CniDns, CniIp, CniRoute } from '../../spec/types.ts';
import { parseRoutes } from '../parse-routes.ts';
import { type Allocation, allocate } from './allocator.ts';
import { createDiskStore } from './disk-store.ts';
import { parseRangeSets, type RangeSet } from './ranges.ts';
import type { ReservationStore } from './reservation-store.ts';

export interface HostLocalConfig {
  readonly sets: readonly RangeSet[];
  readonly routes: readonly CniRoute[];
  readonly resolvConf: string | undefined;
  readonly directory: string;
}

const dataDirDefault = '/var/lib/cni/networks';

/** Addresses from ranges in the configuration, remembered on this host's disk. */
export const hostLocal: CniPlugin<HostLocalConfig> = {
  name: 'host-local',
  delegatesIpam: false,

  parseConfig(network) {
    const ipam = fields(network.ipam, 'ipam');
    return {
      sets: parseRangeSets(ipam, network.runtimeConfig?.ipRanges),
      routes: parseRoutes(ipam.routes),
      resolvConf: optionalString(ipam, 'resolvConf') || undefined,
      directory: join(optionalString(ipam, 'dataDir') || dataDirDefault, network.name),
    };
  },

  async add(request, _host, undo) {
    const { config } = request;
    const dns = config.resolvConf ? await readResolvConf(config.resolvConf) : {};
    const store = createDiskStore(config.directory);
    const attachment = attachmentOf(request);
    const allocations = await allocate(store, config.sets, attachment, requestedAddresses(request));
    undo.push('release the addresses', () => store.release(attachment));
    return { interfaces: [], ips: allocations.map(ipOf), routes: config.routes, dns };
  },

  async check(request) {
    const held = await createDiskStore(request.config.directory).addressesOf(attachmentOf(request));
    if (held.length > 0) return;
    throw new CniError('checkFailed', `host-local: failed to find address added by container ${request.containerId}`);
  },

  del: (request) => createDiskStore(request.config.directory).release(attachmentOf(request)),

  async status({ config }) {
    const held = await createDiskStore(config.directory).held();
    for (const set of config.sets) {
      const size = set.reduce((sum, range) => sum + range.end - range.start + 1n, 0n);
      const hasRoom = size > BigInt(held.size) || (await hasFreeAddress(set, held));
      if (!hasRoom) throw new CniError('limitedConnectivity', 'no IP addresses available in a range set');
    }
  },

  async gc({ config }, valid) {
    await releaseAllBut(createDiskStore(config.directory), valid);
  },
};

/** Frees what belongs to attachments that do not exist any more. */
export async function releaseAllBut(store: ReservationStore, valid: readonly Attachment[]): Promise<void> {
  const keep = new Set(valid.map(({ containerID, ifname }) => `${containerID}:${ifname}`));
  for (const attachment of await store.attachments()) {
    if (!keep.has(`${attachment.containerID}:${attachment.ifname}`)) await store.release(attachment);
  }
}

function hasFreeAddress(set: RangeSet, held: ReadonlySet<string>): boolean {
  return set.some((range) => {
    for (let value = range.start; value <= range.end; value++) {
      if (value !== range.gateway && !held.has(formatAddress({ family: range.subnet.family, value }))) return true;
    }
    return false;
  });
}

function attachmentOf(request: CniRequest<HostLocalConfig>): Attachment {
  return { containerID: request.containerId, ifname: request.ifName };
}

function ipOf({ address, range }: Allocation): CniIp {
  return {
    address: `${formatAddress(address)}/${range.subnet.prefixLength}`,
    gateway: formatAddress({ family: range.subnet.family, value: range.gateway }),
  };
}

/** From `runtimeConfig.ips`, `args.cni.ips` and CNI_ARGS `IP`, with or without a prefix length. */
function requestedAddresses(request: CniRequest<HostLocalConfig>): readonly IpAddress[] {
  const fromArgs = request.network.args?.cni?.ips;
  const texts = [
    ...(request.network.runtimeConfig?.ips ?? []),
    ...(Array.isArray(fromArgs) ? fromArgs.map(String) : []),
    ...(request.args.get('IP') ?? '').split(',').filter((text) => text !== ''),
  ];
  return texts.map((text) => parseAddress(text.split('/')[0] ?? text));
}

async function readResolvConf(path: string): Promise<CniDns> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CniError('ioFailure', `read resolvConf ${path}`, { cause });
  });
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const valuesOf = (key: string) => lines.filter(([first]) => first === key).flatMap(([, ...rest]) => rest);
  const domain = valuesOf('domain')[0];
  return {
    nameservers: valuesOf('nameserver'),
    search: valuesOf('search'),
    options: valuesOf('options'),
    ...(domain ? { domain } : {}),
  };
}
