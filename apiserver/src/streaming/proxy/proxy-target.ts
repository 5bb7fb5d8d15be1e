import { isIP } from 'node:net';
import { StatusError } from '@slipway/api/status-error';
import type { Endpoints, Pod, Service } from '@slipway/api/types';
import type { Random } from '@slipway/kit/random';

/** What a path names: `web`, `web:8080`, `https:web:named`, `http:web:`. */
export interface ProxyName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** A number or a port's name; empty = the first one. */
  readonly port: string;
}

/** Where a request goes. With a pod it goes through the agent of its node, otherwise straight to the address. */
export interface ProxyTarget {
  readonly scheme: 'http' | 'https';
  readonly address: string;
  readonly port: number;
  readonly pod: { readonly namespace: string; readonly name: string } | undefined;
}

/** Undefined when it is none. */
export function parseProxyName(text: string): ProxyName | undefined {
  const parts = text.split(':');
  if (parts.length > 3) return undefined;
  const [scheme, name, port] = parts.length === 3 ? parts : ['', parts[0], parts[1] ?? ''];
  if (!name || port === undefined || !['', 'http', 'https'].includes(scheme ?? 'x')) return undefined;
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}

/** Throws `StatusError`. */
export function targetOfPod({ scheme, port }: ProxyName, { metadata, spec, status }: Pod): ProxyTarget {
  const { namespace = '', name = '' } = metadata;
  const address = status?.podIP;
  if (!address) throw new StatusError('BadRequest', `address not allowed`);
  const ports = spec.containers.flatMap((container) => container.ports ?? []);
  const named = ports.find((each) => each.name === port)?.containerPort;
  const number = port === '' ? (ports[0]?.containerPort ?? (scheme === 'https' ? 443 : 80)) : (named ?? Number(port));
  if (!isPort(number)) throw new StatusError('BadRequest', `invalid pod request ${JSON.stringify(`${name}:${port}`)}`);
  return { scheme, address, port: number, pod: { namespace, name } };
}

/** One of the service's endpoints, drawn by lot. Throws `StatusError`. */
export function targetOfService(
  { scheme, port }: ProxyName,
  { metadata, spec }: Service,
  endpoints: Endpoints | undefined,
  random: Random,
): ProxyTarget {
  const { namespace = '', name = '' } = metadata;
  const unavailable = (message: string) => new StatusError('ServiceUnavailable', message);
  const byNumber = spec.ports?.find((each) => String(each.port) === port);
  if (/^\d+$/.test(port) && !byNumber) {
    throw unavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
  }
  const portName = byNumber ? (byNumber.name ?? '') : port;
  const targets = (endpoints?.subsets ?? []).flatMap(({ addresses = [], ports = [] }) => {
    const found = portName === '' && !byNumber ? ports[0] : ports.find((each) => (each.name ?? '') === portName);
    return found ? addresses.map((address) => ({ ...address, port: found.port })) : [];
  });
  const chosen = targets[Math.floor(random.next() * targets.length)];
  if (!chosen) throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  const pod = chosen.targetRef?.kind === 'Pod' ? chosen.targetRef.name : undefined;
  return { scheme, address: chosen.ip, port: chosen.port, pod: pod ? { namespace, name: pod } : undefined };
}

/**
 * Whether somebody may have a request sent there by naming it in an object: not to this machine itself, nor to what is
 * only near it, such as a cloud's metadata server.
 */
export function isProxyable(address: string): boolean {
  const text = address.toLowerCase();
  if (isIP(text) === 0) return false;
  if (text.includes(':'))
    return !(text === '::1' || text === '::' || /^fe[89ab]/.test(text) || text.startsWith('::ffff:'));
  return !/^(0|127|169\.254|22[4-9]|23\d)\./.test(text);
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}
