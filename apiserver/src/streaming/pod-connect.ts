/** What leaves the request line for a pod: its logs, commands in its containers, tunnels to its ports. Answered through the agent of its node. */
import { pipeline } from 'node:stream/promises';
import { StatusError } from '@slipway/api/status-error';
import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { Node, Pod } from '@slipway/api/types';
import type { Connect, ConnectRequest } from '../http/connect.ts';
import { type AgentAddress, AgentConnection, type AgentCredentials, agentAddress } from './agent-connection.ts';
import { chooseContainer } from './pod-container.ts';
import { logParameters, openPodLog } from './pod-logs.ts';
import { isPortForward, runPortForward } from './port-forward.ts';
import { serveProxy } from './proxy/serve-proxy.ts';
import { type RemoteCommand, runRemoteCommand } from './remote-command.ts';

/** Certificates are made anew months before they end. */
const renewMs = 3600_000;

/** The connection to agents, made anew after a while: `credentials` is asked for the API server's client certificate then. */
export function agentConnections(
  credentials: () => Promise<AgentCredentials>,
  clock: Pick<Clock, 'nowMs'>,
): () => Promise<AgentConnection> {
  const connect = async () => ({ untilMs: clock.nowMs() + renewMs, agents: new AgentConnection(await credentials()) });
  let connection: ReturnType<typeof connect> | undefined;
  return async () => {
    if (!connection || clock.nowMs() >= (await connection).untilMs) connection = connect();
    return (await connection).agents;
  };
}

/** `credentials` answers the API server's client certificate for agents; it is asked when somebody connects, and again after a while. */
export function createPodConnect(
  credentials: () => Promise<AgentCredentials>,
  { clock, random }: { readonly clock: Pick<Clock, 'nowMs'>; readonly random: Random },
): Connect {
  const connection = agentConnections(credentials, clock);
  return async (request) => {
    const agents = await connection();
    const pod = request.object as Pod;
    switch (request.address.subresource) {
      case 'log':
        return serveLog(request, pod, agents);
      case 'exec':
      case 'attach':
        return serveCommand(request, pod, agents);
      case 'portforward':
        return servePortForward(request, pod, agents);
      case 'proxy':
        return serveProxy(request, agents, random);
      default:
        throw new StatusError('NotFound', 'the server could not find the requested resource');
    }
  };
}

function addressOf(request: ConnectRequest, pod: Pod): AgentAddress {
  const node = pod.spec.nodeName ? request.read('nodes', '', undefined, pod.spec.nodeName) : undefined;
  return agentAddress(pod, node as Node | undefined);
}

async function serveLog(request: ConnectRequest, pod: Pod, agents: AgentConnection): Promise<void> {
  const { query, response, signal } = request;
  if (!response) throw notUpgradable();
  checkLogOptions(query, pod);
  const container = chooseContainer(pod, query.get('container') ?? undefined);
  const { namespace = '', name = '' } = pod.metadata;
  // A pod without a node has written nothing yet: upstream answers with an empty log.
  const isWaiting = !pod.spec.nodeName;
  const log = isWaiting
    ? undefined
    : await openPodLog({ address: addressOf(request, pod), namespace, pod: name, container, query }, agents, signal);
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
  if (!log) {
    response.end();
    return;
  }
  // Followers want to see that they are connected before the first line comes.
  response.flushHeaders();
  await pipeline(log, response).catch(() => {}); // either side may leave at any time
}

/** Texts of `PodLogOptions` validation. */
function checkLogOptions(query: URLSearchParams, pod: Pod): void {
  const invalid = (field: string, detail: string) => {
    const message = `PodLogOptions ${JSON.stringify(pod.metadata.name)} is invalid: ${field}: ${detail}`;
    return new StatusError('Invalid', message, {
      details: {
        kind: 'PodLogOptions',
        name: pod.metadata.name ?? '',
        causes: [{ field, message: detail, reason: 'FieldValueInvalid' }],
      },
    });
  };
  for (const name of logParameters) {
    const value = query.get(name);
    if (value === null || !['tailLines', 'sinceSeconds', 'limitBytes'].includes(name)) continue;
    if (!/^-?\d+$/.test(value))
      throw new StatusError('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    const lowest = name === 'tailLines' ? 0 : 1;
    if (Number(value) < lowest) {
      throw invalid(name, `Invalid value: ${value}: must be greater than ${lowest === 0 ? 'or equal to 0' : '0'}`);
    }
  }
  if (query.get('sinceSeconds') !== null && query.get('sinceTime') !== null) {
    throw invalid('sinceTime', 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
}

async function serveCommand(request: ConnectRequest, pod: Pod, agents: AgentConnection): Promise<void> {
  const { query, upgrade, raw, address } = request;
  if (!upgrade) throw notUpgradable();
  refuseFinished(pod);
  const container = chooseContainer(pod, query.get('container') ?? undefined);
  const isOn = (name: string, otherwise: boolean) =>
    query.has(name) ? ['true', '1'].includes(query.get(name) ?? '') : otherwise;
  const tty = isOn('tty', false);
  const wanted = { stdin: isOn('stdin', false), stdout: isOn('stdout', true), stderr: isOn('stderr', true) && !tty };
  if (address.subresource === 'exec' && query.getAll('command').length === 0) {
    throw new StatusError('BadRequest', 'you must specify at least one command for the container');
  }
  const parameters = new URLSearchParams();
  for (const command of query.getAll('command')) parameters.append('command', command);
  for (const [name, given] of [
    ['input', wanted.stdin],
    ['output', wanted.stdout],
    ['error', wanted.stderr],
    ['tty', tty],
  ] as const) {
    if (given) parameters.set(name, '1');
  }
  const { namespace = '', name = '' } = pod.metadata;
  const streams = new Set<'stdin' | 'stdout' | 'stderr' | 'resize'>();
  for (const [stream, given] of Object.entries({ ...wanted, resize: tty }) as [
    'stdin' | 'stdout' | 'stderr' | 'resize',
    boolean,
  ][]) {
    if (given) streams.add(stream);
  }
  const command: RemoteCommand = {
    address: addressOf(request, pod),
    path: `/${address.subresource}/${namespace}/${name}/${container}?${parameters}`,
    streams,
  };
  await runRemoteCommand({ raw, ...upgrade }, command, agents);
}

async function servePortForward(request: ConnectRequest, pod: Pod, agents: AgentConnection): Promise<void> {
  const { upgrade, raw } = request;
  if (!upgrade) throw notUpgradable();
  if (!isPortForward({ raw, ...upgrade })) {
    throw new StatusError(
      'BadRequest',
      'port-forward is served over SPDY/3.1, or SPDY/3.1 tunnelled through a WebSocket',
    );
  }
  const { namespace = '', name = '' } = pod.metadata;
  await runPortForward({ raw, ...upgrade }, { address: addressOf(request, pod), namespace, pod: name }, agents);
}

function refuseFinished(pod: Pod): void {
  const phase = pod.status?.phase;
  if (phase !== 'Succeeded' && phase !== 'Failed') return;
  throw new StatusError('BadRequest', `cannot exec into a container in a completed pod; current phase is ${phase}`);
}

function notUpgradable(): StatusError {
  return new StatusError('BadRequest', 'Upgrade request required');
}
