import { join } from 'node:path';
import { openPki } from '@slipway/apiserver/pki';
import type { Address } from '@slipway/kubelet-agent';
import type { CommandContext, RunCommand } from '../command.ts';
import { keepCompileCache } from '../compile-cache.ts';
import { type AgentCertificates, agentHosts, agentObstacle, composeAgent, isLoopback } from '../compose/node.ts';
import { connectAsNode } from '../compose/node-identity.ts';
import { runParts } from '../compose/run-parts.ts';
import { claimRoles } from '../process-record.ts';
import { CommandError } from '../usage-error.ts';

export const agent: RunCommand = async (context) => {
  const { config, clock, random, log, signal, print } = context;
  const obstacle = await agentObstacle(config);
  if (obstacle) throw new CommandError(`the node agent cannot run: ${obstacle.message}`);
  const claim = await claimRoles(config.dataDir, 'agent', ['agent']);
  try {
    const { connection, transport, certificates: kept } = await connectAsNode(context);
    const certificates = await ownCertificates(context, connection.ca ?? '');
    const isLocal = isLoopback(addressOf(connection.server).host);
    const reconnect = () => transport.reconnect();
    const link = { transport, reconnect, loopbackServer: isLocal ? () => addressOf(transport.server) : undefined };
    const deps = { clock, random, log };
    const keeping = kept && { keepServing: kept.keepServing };
    const part = await composeAgent(config, link, { ...certificates, ...keeping }, deps, signal);
    void kept?.keepClient(signal);
    await runParts([part], signal, async () => {
      print(`ready: node ${config.nodeName}`);
      await keepCompileCache();
    });
    transport.close();
  } finally {
    await claim.release();
  }
};

const httpsPort = 443;

function addressOf(server: string): Address {
  const { hostname, port } = new URL(server);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || httpsPort) };
}

/** This machine has no key of the cluster's authority: it makes an authority of its own and announces it in its Node. */
async function ownCertificates(
  { config, clock, random }: CommandContext,
  clusterCa: string,
): Promise<AgentCertificates> {
  const pki = await openPki(join(config.dataDir, 'agent-pki'), { clock, random }, `slipway-agent-${config.nodeName}`);
  const { certificate, privateKey } = await pki.agentServingCertificate(config.nodeName, agentHosts(config));
  return { cert: certificate, key: privateKey, clientCa: clusterCa, announcedAuthority: pki.caCertificate };
}
