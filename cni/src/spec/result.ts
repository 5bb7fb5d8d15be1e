import { CniError } from './cni-error.ts';
import { fields, type JsonObject, optionalNumber, optionalString, optionalStrings } from './json.ts';
import type { CniDns, CniInterface, CniIp, CniResult, CniRoute } from './types.ts';
import { type CniVersion, isAtLeast } from './versions.ts';

/** The result as JSON of `version`. Until 0.4.0 each address says its family; before 1.1.0 links and routes know less. */
export function encodeResult(result: CniResult, version: CniVersion): JsonObject {
  return {
    cniVersion: version,
    ...(result.interfaces.length > 0
      ? { interfaces: result.interfaces.map((each) => encodeInterface(each, version)) }
      : {}),
    ...(result.ips.length > 0 ? { ips: result.ips.map((each) => encodeIp(each, version)) } : {}),
    ...(result.routes.length > 0 ? { routes: result.routes.map((each) => encodeRoute(each, version)) } : {}),
    dns: result.dns,
  };
}

/** Reads a result of any supported version. Throws `CniError` (decoding) on anything else. */
export function decodeResult(raw: unknown): CniResult {
  const object = fields(raw, 'result');
  return {
    interfaces: list(object, 'interfaces').map(decodeInterface),
    ips: list(object, 'ips').map(decodeIp),
    routes: list(object, 'routes').map(decodeRoute),
    dns: object.dns === undefined || object.dns === null ? {} : decodeDns(object.dns),
  };
}

function encodeInterface(link: CniInterface, version: CniVersion): JsonObject {
  const { mtu, socketPath, pciID, ...old } = link;
  return isAtLeast(version, '1.1.0') ? { ...link } : old;
}

function encodeIp(ip: CniIp, version: CniVersion): JsonObject {
  if (isAtLeast(version, '1.0.0')) return { ...ip };
  return { version: ip.address.includes(':') ? '6' : '4', ...ip };
}

function encodeRoute(route: CniRoute, version: CniVersion): JsonObject {
  if (isAtLeast(version, '1.1.0')) return { ...route };
  return { dst: route.dst, ...(route.gw === undefined ? {} : { gw: route.gw }) };
}

function list(object: JsonObject, key: string): readonly unknown[] {
  const value = object[key] ?? [];
  if (!Array.isArray(value)) throw new CniError('decodingFailure', `result: ${key} is not a list`);
  return value;
}

function decodeInterface(raw: unknown): CniInterface {
  const object = fields(raw, 'interface');
  return {
    name: optionalString(object, 'name') ?? '',
    ...present('mac', optionalString(object, 'mac')),
    ...present('mtu', optionalNumber(object, 'mtu')),
    ...present('sandbox', optionalString(object, 'sandbox') || undefined),
    ...present('socketPath', optionalString(object, 'socketPath')),
    ...present('pciID', optionalString(object, 'pciID')),
  };
}

function decodeIp(raw: unknown): CniIp {
  const object = fields(raw, 'ip');
  const address = optionalString(object, 'address');
  if (!address) throw new CniError('decodingFailure', 'result: an ip has no address');
  return {
    address,
    ...present('gateway', optionalString(object, 'gateway')),
    ...present('interface', optionalNumber(object, 'interface')),
  };
}

export function decodeRoute(raw: unknown): CniRoute {
  const object = fields(raw, 'route');
  const dst = optionalString(object, 'dst');
  if (!dst) throw new CniError('decodingFailure', 'result: a route has no dst');
  return {
    dst,
    ...present('gw', optionalString(object, 'gw')),
    ...present('mtu', optionalNumber(object, 'mtu')),
    ...present('advmss', optionalNumber(object, 'advmss')),
    ...present('priority', optionalNumber(object, 'priority')),
    ...present('table', optionalNumber(object, 'table')),
    ...present('scope', optionalNumber(object, 'scope')),
  };
}

export function decodeDns(raw: unknown): CniDns {
  const object = fields(raw, 'dns');
  return {
    ...present('nameservers', optionalStrings(object, 'nameservers')),
    ...present('domain', optionalString(object, 'domain')),
    ...present('search', optionalStrings(object, 'search')),
    ...present('options', optionalStrings(object, 'options')),
  };
}

function present<Key extends string, T>(key: Key, value: T | undefined): { readonly [K in Key]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: T });
}
