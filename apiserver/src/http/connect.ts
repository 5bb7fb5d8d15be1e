import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { KubeObject } from '@slipway/api/types';
import type { StrategyContext, UserInfo } from '../registry/strategy.ts';
import type { Admission } from '../admission/admission.ts';
import { connectSubresources, type ServedResource } from '../registry/kinds.ts';
import { parseProxyName } from '../streaming/proxy/proxy-target.ts';
import type { RequestVerb } from './incoming.ts';
import type { ResourceAddress } from './resource-path.ts';

/**
 * A request that leaves the line once it is authorised: a log, a command in a container, a tunnel, what a proxy hands on. Exactly one of `response` and `upgrade`
 * is there. Whoever answers owns it from then on.
 */
export interface ConnectRequest {
  readonly user: UserInfo;
  /** `subresource` is one of `connectSubresources`. */
  readonly address: ResourceAddress;
  /** The pod; of a proxy, what it leads to. */
  readonly object: KubeObject;
  readonly query: URLSearchParams;
  readonly raw: IncomingMessage;
  readonly body: Buffer | undefined;
  readonly response: ServerResponse | undefined;
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  /** Aborts when the client is gone or the server stops. */
  readonly signal: AbortSignal;
  /** Cached reads, for the node of the pod. */
  readonly read: StrategyContext['read'];
}

/** Whether a request for it leaves the line. */
export function isConnect({ group, resource, name, subresource }: ResourceAddress): boolean {
  if (group !== '' || name === undefined || subresource === undefined) return false;
  if (subresource === 'proxy') return ['pods', 'services', 'nodes'].includes(resource);
  return resource === 'pods' && connectSubresources.includes(subresource);
}

/** What has to be allowed: of proxies what their method says, of other streams, which begin with GET, always to create. */
export function connectVerbs(
  { subresource }: ResourceAddress,
  method: string | undefined,
): [RequestVerb, ...RequestVerb[]] {
  if (subresource === 'proxy') return [proxyVerbs[method ?? 'GET'] ?? 'get'];
  const plain = method === 'POST' ? 'create' : 'get';
  // Running something in a container must not come with the right to read.
  return subresource === 'log' ? [plain] : ['create', plain];
}

const proxyVerbs: Readonly<Record<string, RequestVerb>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** The object that the address names: in a proxy's, a scheme and a port may stand around its name. */
export function connectName({ name = '', subresource }: ResourceAddress): string | undefined {
  return subresource === 'proxy' ? parseProxyName(name)?.name : name;
}

/** Resolves when the stream has ended. A StatusError that it throws before it wrote anything becomes the answer. */
export type Connect = (request: ConnectRequest) => Promise<void>;

/** Logs are read; everything else that leaves the line does something to the pod, and admission has its say. Throws StatusError. */
export async function reviewConnect(
  admission: Admission,
  {
    user,
    served,
    address,
    query,
    signal,
  }: {
    readonly user: UserInfo;
    readonly served: ServedResource;
    readonly address: ResourceAddress;
    readonly query: URLSearchParams;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const subresource = served.api.subresources.find(({ name }) => name === address.subresource);
  if (!subresource || subresource.name === 'log') return;
  const hooks = admission.hooks({ user, verb: 'connect', served, address, dryRun: false, signal, warnings: [] });
  const options = { kind: subresource.kind, apiVersion: subresource.version, metadata: {}, ...optionsOf(query) };
  await hooks.review(options, undefined);
}

/** `command` comes once for each word. */
function optionsOf(query: URLSearchParams): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    if (name === 'command') options.command = values;
    else if (name === 'container') options.container = values[0];
    else if (name === 'ports') options.ports = values.map(Number);
    else if (['stdin', 'stdout', 'stderr', 'tty'].includes(name)) {
      options[name] = values[0] === 'true' || values[0] === '1';
    }
  }
  return options;
}
