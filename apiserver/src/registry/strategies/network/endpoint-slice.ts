import { parseIp } from '@slipway/api/ip-address';
import { dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from '@slipway/api/names';
import type { Endpoint, EndpointSlice } from '@slipway/api/types';
import {
  type FieldError,
  duplicate,
  invalid,
  notSupported,
  pushInvalid,
  required,
  tooMany,
} from '@slipway/api/validation/field-error';
import { validateNotSpecial } from '@slipway/api/validation/service-addresses';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, startGeneration } from '../generation.ts';

/** Upstream's limits: what the watchers of a large Service can bear. */
const endpointsMax = 1000;
const portsMax = 20000;
const addressesMax = 100;
const zoneHintsMax = 8;
const nodeHintsMax = 8;
const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const protocols = ['SCTP', 'TCP', 'UDP'];

/** The server itself tells where it listens, be it on the loopback of its machine. */
const serverUser = 'system:apiserver';

export const endpointSliceStrategy: Strategy<EndpointSlice> = {
  resource: descriptorOf('discovery.k8s.io', 'v1', 'endpointslices'),
  defaults(draft) {
    draft.endpoints ??= [];
    for (const port of draft.ports ?? []) {
      port.name ??= '';
      port.protocol ||= 'TCP';
    }
  },
  prepareCreate: startGeneration,
  prepareUpdate(draft, old) {
    const wanted = ({ endpoints, ports, metadata }: EndpointSlice) => [endpoints, ports, metadata.labels];
    countGeneration(draft, old, wanted(draft), wanted(old));
  },
  validate(draft, { user }) {
    const errors: FieldError[] = [];
    const { addressType, endpoints = [], ports = [] } = draft;
    if (!addressType) errors.push(required('addressType'));
    else if (!addressTypes.includes(addressType)) errors.push(notSupported('addressType', addressType, addressTypes));
    if (endpoints.length > endpointsMax) errors.push(tooMany('endpoints', endpoints.length, endpointsMax));
    else {
      endpoints.forEach((endpoint, i) => {
        validateEndpoint(errors, endpoint, addressType, `endpoints[${i}]`);
        if (user.name !== serverUser) refuseSpecial(errors, endpoint, `endpoints[${i}]`);
      });
    }
    if (ports.length > portsMax) errors.push(tooMany('ports', ports.length, portsMax));
    else validatePorts(errors, ports);
    return errors;
  },
  validateUpdate(draft, old) {
    if (draft.addressType === old.addressType) return [];
    return [invalid('addressType', draft.addressType, 'field is immutable')];
  },
};

function refuseSpecial(errors: FieldError[], { addresses = [] }: Endpoint, path: string): void {
  addresses.forEach((address, i) => {
    if (parseIp(address)) validateNotSpecial(errors, address, `${path}.addresses[${i}]`);
  });
}

function validateEndpoint(errors: FieldError[], endpoint: Endpoint, type: string, path: string): void {
  const { addresses = [], hostname, nodeName, hints } = endpoint;
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  if (addresses.length > addressesMax) errors.push(tooMany(`${path}.addresses`, addresses.length, addressesMax));
  addresses.forEach((address, i) => {
    validateAddress(errors, address, type, `${path}.addresses[${i}]`);
  });
  if (nodeName !== undefined) pushInvalid(errors, `${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName));
  if (hostname !== undefined) pushInvalid(errors, `${path}.hostname`, hostname, dnsLabelProblems(hostname));
  const zones = hints?.forZones ?? [];
  if (zones.length > zoneHintsMax) errors.push(tooMany(`${path}.hints.forZones`, zones.length, zoneHintsMax));
  else validateHints(errors, zones, `${path}.hints.forZones`, labelValueProblems);
  const nodes = hints?.forNodes ?? [];
  if (nodes.length > nodeHintsMax) errors.push(tooMany(`${path}.hints.forNodes`, nodes.length, nodeHintsMax));
  else validateHints(errors, nodes, `${path}.hints.forNodes`, dnsSubdomainProblems);
}

/** Each named once. */
function validateHints(
  errors: FieldError[],
  hints: readonly { readonly name?: string }[],
  path: string,
  problemsOf: (name: string) => readonly string[],
): void {
  hints.forEach(({ name = '' }, i) => {
    const at = `${path}[${i}].name`;
    if (hints.findIndex((other) => (other.name ?? '') === name) !== i) errors.push(duplicate(at, name));
    else pushInvalid(errors, at, name, problemsOf(name));
  });
}

function validateAddress(errors: FieldError[], address: string, type: string, path: string): void {
  if (type === 'FQDN') {
    pushInvalid(errors, path, address, dnsSubdomainProblems(address));
    return;
  }
  if (type !== 'IPv4' && type !== 'IPv6') return;
  const family = parseIp(address)?.family;
  if (family === undefined || `IPv${family}` !== type) {
    errors.push(invalid(path, address, `must be a valid ${type} address`));
  }
}

function validatePorts(errors: FieldError[], ports: NonNullable<EndpointSlice['ports']>): void {
  const names = new Set<string>();
  ports.forEach(({ name = '', protocol, appProtocol }, i) => {
    const at = `ports[${i}]`;
    if (name !== '') pushInvalid(errors, `${at}.name`, name, dnsLabelProblems(name));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (!protocol) errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
    if (appProtocol !== undefined) {
      pushInvalid(errors, `${at}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol));
    }
  });
}
