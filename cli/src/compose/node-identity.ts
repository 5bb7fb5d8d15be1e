/**
 * Who the agent of another machine is. A kubeconfig with a bootstrap token lets it ask for a certificate as the node that it runs
 * (a CertificateSigningRequest, approved without a person), which it keeps below its data directory and renews with itself. With any
 * other credentials it is whom the kubeconfig names.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ensureRequestedPair } from '@slipway/apiserver/pki';
import { signers } from '@slipway/api/certificates/signers';
import type { CertificateSigningRequest } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import type { Connection } from '@slipway/client/kubeconfig';
import type { CommandContext } from '../command.ts';
import { CommandError } from '../usage-error.ts';
import { loadConnection, type Remote, remoteOf } from './remote.ts';

const bootstrapTokenPattern = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;
/** Longer than an approver by hand may take is no use: the agent says what it waits for, and is started again. */
const signedWithinMs = 5 * 60_000;

export async function connectAsNode({ config, clock, log, signal }: CommandContext): Promise<Remote> {
  const connection = spread(await loadConnection(config), config.nodeName);
  if (!bootstrapTokenPattern.test(connection.token ?? '')) return remoteOf(connection, clock, 'agent');
  const place = { directory: join(config.dataDir, 'agent-pki'), file: 'client' };
  const wanted = { commonName: `system:node:${config.nodeName}`, organizations: ['system:nodes'] };
  const { certificate, privateKey } = await ensureRequestedPair(place, wanted, clock, async (request, held) => {
    const own = held && withPair(connection, held.certificate, held.privateKey);
    const remote = remoteOf(own ?? connection, clock, 'agent');
    try {
      log.info({ node: config.nodeName }, 'asking for a client certificate');
      return await signedCertificate(new Client(remote.transport), request, AbortSignal.any([signal, timeout()]));
    } finally {
      remote.transport.close();
    }
  });
  return remoteOf(withPair(connection, certificate, privateKey), clock, 'agent');
}

/** Agents that know several servers do not all begin with the same one. */
function spread(connection: Connection, nodeName: string): Connection {
  const servers = [connection.server, ...(connection.otherServers ?? [])];
  const at = createHash('sha256').update(nodeName).digest().readUInt32BE(0) % servers.length;
  const [server = connection.server, ...otherServers] = [...servers.slice(at), ...servers.slice(0, at)];
  return { ...connection, server, otherServers };
}

function timeout(): AbortSignal {
  return AbortSignal.timeout(signedWithinMs);
}

function withPair({ token: _, tokenFile: __, ...connection }: Connection, cert: string, key: string): Connection {
  return { ...connection, cert, key };
}

async function signedCertificate(client: Client, request: string, signal: AbortSignal): Promise<string> {
  const csr = await client.create(kinds.certificateSigningRequests, requestObject(request), { signal });
  const { name = '', resourceVersion } = csr.metadata;
  const selection = { fieldSelector: `metadata.name=${name}`, ...(resourceVersion ? { resourceVersion } : {}) };
  try {
    for await (const events of client.watch(kinds.certificateSigningRequests, { ...selection, signal })) {
      for (const { object } of events) {
        const certificate = certificateOf(object as CertificateSigningRequest);
        if (certificate) return certificate;
      }
    }
  } catch (error) {
    if (error instanceof CommandError || !signal.aborted) throw error;
  }
  throw new CommandError(
    `nobody signed the certificate of this node; see \`kubectl get csr ${name}\`, approve it by \`kubectl certificate approve ${name}\` and start the agent again`,
  );
}

function requestObject(request: string): CertificateSigningRequest {
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'csr-' },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: signers.kubeletClient,
      usages: ['digital signature', 'client auth'],
    },
  };
}

function certificateOf({ metadata, status }: CertificateSigningRequest): string | undefined {
  const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (refusal) {
    throw new CommandError(
      `the certificate of this node was refused (${metadata.name}): ${refusal.message || refusal.reason || refusal.type}`,
    );
  }
  return status?.certificate && Buffer.from(status.certificate, 'base64').toString();
}
