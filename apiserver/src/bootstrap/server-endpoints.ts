import { isIP } from 'node:net';
import { isStatus } from '@slipway/api/status-error';
import type { ResourcePath, Transport } from '@slipway/api/transport';
import type { Endpoints, EndpointSlice, KubeList } from '@slipway/api/types';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';

/** Where one API server is reached. */
export interface ServerEndpoint {
  readonly address: string;
  readonly port: number;
}

const serviceName = 'kubernetes';
const path: ResourcePath = {
  group: 'discovery.k8s.io',
  version: 'v1',
  resource: 'endpointslices',
  namespace: 'default',
};
/** Further slices of ours, for servers with other ports than those in the slice `kubernetes`. */
const furtherSlice = /^kubernetes-(ipv4|ipv6)-\d+$/;

/** Servers that start at the same time write the same objects: each of them makes another one lose once for each object. */
const triesMax = 30;

/** Makes the endpoints of the service `default/kubernetes` just these. */
export async function writeServerEndpoints(
  transport: Transport,
  endpoints: readonly ServerEndpoint[],
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await writeOnce(transport, endpoints, signal);
      return;
    } catch (error) {
      const lostRace = isStatus(error, 'Conflict', 'AlreadyExists', 'NotFound');
      if (!lostRace || tries === triesMax) throw error;
    }
  }
}

async function writeOnce(transport: Transport, endpoints: readonly ServerEndpoint[], signal: AbortSignal) {
  const wanted = slicesOf(endpoints);
  const options = { labelSelector: `kubernetes.io/service-name=${serviceName}` };
  const { items } = (await transport.send({ verb: 'list', path, options }, signal)) as KubeList<EndpointSlice>;
  const present = new Map(items.map((slice) => [slice.metadata.name ?? '', slice]));
  for (const slice of wanted) {
    const name = slice.metadata.name ?? '';
    let old = present.get(name);
    if (old && old.addressType !== slice.addressType) {
      // The type of a slice cannot be changed.
      await transport.send({ verb: 'delete', path: { ...path, name } }, signal);
      old = undefined;
    }
    if (!old) await transport.send({ verb: 'create', path, body: slice }, signal);
    else if (!says(old, slice)) {
      const body = {
        ...slice,
        metadata: { ...old.metadata, labels: { ...old.metadata.labels, ...slice.metadata.labels } },
      };
      await transport.send({ verb: 'update', path: { ...path, name }, body }, signal);
    }
  }
  for (const name of present.keys()) {
    if (!furtherSlice.test(name) || wanted.some(({ metadata }) => metadata.name === name)) continue;
    await transport.send({ verb: 'delete', path: { ...path, name } }, signal);
  }
  await writeEndpoints(transport, wanted, signal);
}

/** The older form of the same, one object for all slices. */
async function writeEndpoints(transport: Transport, slices: readonly EndpointSlice[], signal: AbortSignal) {
  const wanted = endpointsOf(slices);
  const collection: ResourcePath = { group: '', version: 'v1', resource: 'endpoints', namespace: 'default' };
  const own: ResourcePath = { ...collection, name: serviceName };
  const old = await transport.send({ verb: 'get', path: own }, signal).catch((error) => {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  });
  if (!old) await transport.send({ verb: 'create', path: collection, body: wanted }, signal);
  else if (!semanticEqual((old as Endpoints).subsets, wanted.subsets)) {
    const { metadata } = old as Endpoints;
    await transport.send({ verb: 'update', path: own, body: { ...wanted, metadata } }, signal);
  }
}

/** The label keeps others from making slices of it: they are there. */
function endpointsOf(slices: readonly EndpointSlice[]): Endpoints {
  return {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { name: serviceName, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: slices.map(({ endpoints, ports }) => ({
      addresses: (endpoints ?? []).flatMap(({ addresses }) => addresses.map((ip) => ({ ip }))),
      ports: (ports ?? []).map(({ name = '', protocol = 'TCP', port = 0 }) => ({ name, protocol, port })),
    })),
  };
}

function says(old: EndpointSlice, wanted: EndpointSlice): boolean {
  return semanticEqual(old.endpoints, wanted.endpoints) && semanticEqual(old.ports, wanted.ports);
}

/** A slice has one list of ports for all its addresses: servers on other ports get slices of their own. */
export function slicesOf(endpoints: readonly ServerEndpoint[]): EndpointSlice[] {
  const groups = new Map<string, { readonly port: number; readonly family: 'IPv4' | 'IPv6'; addresses: Set<string> }>();
  const ordered = [...endpoints].sort((a, b) => a.port - b.port || (a.address < b.address ? -1 : 1));
  for (const { address, port } of ordered) {
    const family = isIP(address) === 6 ? 'IPv6' : 'IPv4';
    const key = `${family.toLowerCase()}-${port}`;
    const group = groups.get(key) ?? { port, family, addresses: new Set() };
    group.addresses.add(address);
    groups.set(key, group);
  }
  return [...groups].map(([key, { port, family, addresses }], i) => ({
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: {
      name: i === 0 ? serviceName : `${serviceName}-${key}`,
      labels: { 'kubernetes.io/service-name': serviceName },
    },
    addressType: family,
    endpoints: [...addresses].map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'https', protocol: 'TCP', port }],
  }));
}
