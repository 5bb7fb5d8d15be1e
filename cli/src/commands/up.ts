import { type ApiServer, clientIdentities } from '@slipway/apiserver';
import { keepRenewed } from '@slipway/apiserver/pki';
import type { CommandContext, RunCommand } from '../command.ts';
import { keepCompileCache } from '../compile-cache.ts';
import { ensureClusterDns } from '../compose/cluster-dns.ts';
import {
  composeApiServer,
  composeControllers,
  type Part,
  keepAdminKubeconfig,
  writeAdminKubeconfig,
} from '../compose/control-plane.ts';
import { type AgentCertificates, agentHosts, agentObstacle, composeAgent, isLoopback } from '../compose/node.ts';
import { runParts } from '../compose/run-parts.ts';
import { readSchedulerConfiguration } from '../compose/scheduler-configuration.ts';
import { composeSimulatedNodes, type SimulatedNodes, simulatedNodesOf } from '../compose/simulated-nodes.ts';
import { selectedControllers } from '../compose/selected-controllers.ts';
import { claimRoles, type Role } from '../process-record.ts';
import { CommandError } from '../usage-error.ts';

export const up: RunCommand = async (context) => {
  const { config, clock, random, log, signal, print } = context;
  selectedControllers(config);
  const simulated = await simulatedNodesOf(config.simulated, config.simulated.countBeside);
  const scheduler = await readSchedulerConfiguration(config.schedulerConfig);
  const roles: Role[] = config.agent ? ['apiserver', 'controllers', 'agent'] : ['apiserver', 'controllers'];
  const claim = await claimRoles(config.dataDir, 'up', roles);
  try {
    const withAgent = config.agent && (await agentIsPossible(context));
    const apiServer = await composeApiServer(config, { clock, random, log });
    try {
      const controllers = composeControllers(config, apiServer.server, { clock, random, log, scheduler });
      const parts: Part[] = [apiServer, controllers];
      if (withAgent) parts.push(await localAgent(context, apiServer.server));
      if (simulated.count > 0) parts.push(await simulatedNodes(simulated, context, apiServer.server));
      await runParts(parts, signal, async () => {
        await writeAdminKubeconfig(config, apiServer.server);
        await ensureClusterDns(config, apiServer.server, signal);
        print(
          `ready: https://${apiServer.server.address.host}:${apiServer.server.address.port}  export KUBECONFIG=${config.kubeconfig}`,
        );
        void keepAdminKubeconfig(config, apiServer.server, { clock, random, log }, signal);
        await keepCompileCache();
      });
    } finally {
      await apiServer.backend.close();
    }
  } finally {
    await claim.release();
  }
};

/** The node of this machine, with the identity of a node towards the server of the same process. */
async function localAgent({ config, clock, random, log, signal }: CommandContext, server: ApiServer): Promise<Part> {
  const { certificate, privateKey } = await server.pki.agentServingCertificate(config.nodeName, agentHosts(config));
  const certificates: AgentCertificates = {
    cert: certificate,
    key: privateKey,
    clientCa: server.pki.caCertificate,
    keepServing: (node, stop) => {
      const renew = async () => {
        const pair = await server.pki.agentServingCertificate(config.nodeName, agentHosts(config));
        node.useCertificate({ cert: pair.certificate, key: pair.privateKey });
        return pair;
      };
      return keepRenewed('serving', { certificate, privateKey }, renew, { clock, random, log }, stop);
    },
  };
  const { user, groups } = clientIdentities.node(config.nodeName);
  const link = {
    transport: server.transport({ name: user, groups }),
    loopbackServer: isLoopback(config.bindAddress) ? () => server.address : undefined,
  };
  return composeAgent(config, link, certificates, { clock, random, log }, signal);
}

/** Scripted nodes in this process, over the server of the same process. */
async function simulatedNodes(
  nodes: SimulatedNodes,
  { config, clock, random, log }: CommandContext,
  server: ApiServer,
): Promise<Part> {
  const { nodeAddress: address = '127.0.0.1', kubeletPort: port, namePrefix } = config.simulated;
  const { certificate: cert, privateKey: key } = await server.pki.agentServingCertificate(namePrefix, [address]);
  const { user, groups } = clientIdentities.admin;
  const transport = server.transport({ name: user, groups });
  const place = { address, listen: { host: '127.0.0.1', port }, certificate: { cert, key } };
  return composeSimulatedNodes(nodes, transport, place, { clock, random, log: log.child({ part: 'simulation' }) });
}

/** A plain user gets the control plane alone and is told why; root gets what is missing named as an error. */
async function agentIsPossible({ config, log }: CommandContext): Promise<boolean> {
  const obstacle = await agentObstacle(config);
  if (!obstacle) return true;
  if (obstacle.kind === 'missing') throw new CommandError(`the node agent cannot run: ${obstacle.message}`);
  const reason = `${obstacle.message}; --no-agent silences this`;
  log.warn({ reason }, 'starting the control plane without a node agent');
  return false;
}
