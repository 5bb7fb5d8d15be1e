/**
 * Who the agent of another machine is. A kubeconfig with a bootstrap token lets it ask for a certificate as the node that it runs
 * (a CertificateSigningRequest, approved without a person), which it keeps below its data directory and renews with itself, while it runs
 * and at a start. With any other credentials it is whom the kubeconfig names.
 *
 * What its own server shows is asked for as well, once the node is there: the names in it must be addresses of the Node. Until it is
 * signed, and where nobody signs, the agent shows a certificate of an authority of its own, which its Node announces (decision 6).
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ensureRequestedPair, keepRenewed, type KeyPair } from '@slipway/apiserver/pki';
import { agentAuthorityAnnotation } from '@slipway/api/annotations';
import { Client } from '@slipway/client/client';
import type { HttpTransport } from '@slipway/client/http-transport';
import type { Connection } from '@slipway/client/kubeconfig';
import type { ServingNode } from '@slipway/kubelet-agent';
import type { CommandContext } from '../command.ts';
import { followKubeconfig } from './follow-kubeconfig.ts';
import { loadConnection, type Remote, remoteOf } from './remote.ts';
import { type NodePurpose, requestedCertificate } from './request-certificate.ts';

const bootstrapTokenPattern = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;
/** Longer than an approver by hand may take is no use: the agent says what it waits for, and is started again. */
const signedWithinMs = 5 * 60_000;

export interface NodeIdentity extends Remote {
  /** Present when the certificates are asked for, and so have to be kept. */
  readonly certificates?: NodeCertificates;
}

export interface NodeCertificates {
  keepClient(signal: AbortSignal): Promise<void>;
  keepServing(node: ServingNode, signal: AbortSignal): Promise<void>;
}

export async function connectAsNode(context: CommandContext): Promise<NodeIdentity> {
  const { config, clock, signal } = context;
  const connection = spread(await loadConnection(config), config.nodeName);
  if (!bootstrapTokenPattern.test(connection.token ?? '')) {
    const remote = remoteOf(connection, clock, 'agent');
    void followKubeconfig(config, remote, context, signal);
    return remote;
  }
  const first = await ensureClientPair(context, connection, signal);
  const remote = remoteOf(withPair(connection, first), clock, 'agent');
  const { transport } = remote;
  return {
    ...remote,
    certificates: {
      keepClient: async (stop) => {
        const renew = async () => {
          const pair = await ensureClientPair(context, connection, stop);
          transport.useCertificate({ cert: pair.certificate, key: pair.privateKey });
          return pair;
        };
        await keepRenewed('client', first, renew, context, stop);
      },
      keepServing: (node, stop) => keepServing(context, transport, node, stop),
    },
  };
}

/** The held pair asks for the next one; without any, the token of the kubeconfig does. */
function ensureClientPair(context: CommandContext, connection: Connection, signal: AbortSignal): Promise<KeyPair> {
  return ensurePair(context, 'client', [], async (request, held) => {
    const remote = remoteOf(held ? withPair(connection, held) : connection, context.clock, 'agent');
    try {
      return await requestedCertificate(new Client(remote.transport), request, 'client', within(signal));
    } finally {
      remote.transport.close();
    }
  });
}

async function keepServing(
  context: CommandContext,
  transport: HttpTransport,
  node: ServingNode,
  signal: AbortSignal,
): Promise<void> {
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([node.registered, aborted]);
  if (signal.aborted) return;
  const renew = async () => {
    const pair = await ensurePair(context, 'serving', node.addresses, (request) =>
      requestedCertificate(new Client(transport), request, 'serving', within(signal)),
    );
    node.useCertificate({ cert: pair.certificate, key: pair.privateKey });
    await node.annotate({ [agentAuthorityAnnotation]: null }, signal);
    return pair;
  };
  await keepRenewed('serving', undefined, renew, context, signal);
}

function ensurePair(
  { config, clock, log }: CommandContext,
  purpose: NodePurpose,
  hosts: readonly string[],
  obtain: (request: string, held: KeyPair | undefined) => Promise<string>,
): Promise<KeyPair> {
  const place = { directory: join(config.dataDir, 'agent-pki'), file: purpose };
  const wanted = { commonName: `system:node:${config.nodeName}`, organizations: ['system:nodes'], hosts };
  return ensureRequestedPair(place, wanted, clock, (request, held) => {
    log.info({ node: config.nodeName, purpose }, 'asking for a certificate');
    return obtain(request, held);
  });
}

/** Agents that know several servers do not all begin with the same one. */
function spread(connection: Connection, nodeName: string): Connection {
  const servers = [connection.server, ...(connection.otherServers ?? [])];
  const at = createHash('sha256').update(nodeName).digest().readUInt32BE(0) % servers.length;
  const [server = connection.server, ...otherServers] = [...servers.slice(at), ...servers.slice(0, at)];
  return { ...connection, server, otherServers };
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(signedWithinMs)]);
}

function withPair({ token: _, tokenFile: __, ...connection }: Connection, pair: KeyPair): Connection {
  return { ...connection, cert: pair.certificate, key: pair.privateKey };
}
