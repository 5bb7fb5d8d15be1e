import { createConnection } from 'node:net';
import { join } from 'node:path';
import { openPki } from '@slipway/apiserver/pki';
import { messageOf } from '@slipway/kit/errors';
import type { CommandContext, RunCommand } from '../command.ts';
import { connectRemote } from '../compose/remote.ts';
import { runParts } from '../compose/run-parts.ts';
import { composeSimulatedNodes, simulatedNodesOf } from '../compose/simulated-nodes.ts';
import { CommandError } from '../usage-error.ts';

export const simulateNodes: RunCommand = async (context) => {
  const { config, clock, random, log, signal, print } = context;
  const { count, nodeAddress, kubeletPort: port } = config.simulated;
  const nodes = await simulatedNodesOf(config.simulated, count);
  const { connection, transport } = await connectRemote(config, clock, 'simulate-nodes');
  try {
    const address = nodeAddress ?? (await addressTowards(connection.server));
    // An address that was given may be that of a gateway before this machine.
    const listen = { host: nodeAddress === undefined ? address : '::', port };
    const place = { address, listen, certificate: await certificateFor(context, address) };
    const part = await composeSimulatedNodes(nodes, transport, place, { clock, random, log });
    await runParts([part], signal, async () => print(`ready: ${count} nodes`));
  } finally {
    transport.close();
  }
};

const httpsPort = 443;

/** The address of this machine from which it reaches the server: the server reaches it there too, most likely. */
function addressTowards(url: string): Promise<string> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port: Number(port || (protocol === 'https:' ? httpsPort : 80)) });
    socket.once('connect', () => {
      resolve((socket.localAddress ?? host).replace(/^::ffff:/, ''));
      socket.destroy();
    });
    socket.once('error', (error) => reject(new CommandError(`no connection to ${url}: ${messageOf(error)}`)));
  });
}

/** With the keys of the cluster at hand its authority signs; without, one made here, which the nodes announce. */
async function certificateFor({ config, clock, random }: CommandContext, address: string) {
  const name = config.simulated.namePrefix;
  const own = join(config.dataDir, 'simulated-nodes', name);
  const deps = { clock, random };
  const pki = config.pkiDir
    ? await openPki(config.pkiDir, deps)
    : await openPki(own, deps, `slipway-simulated-${name}`);
  const { certificate, privateKey } = await pki.agentServingCertificate(name, [address]);
  return { cert: certificate, key: privateKey, authority: config.pkiDir ? undefined : pki.caCertificate };
}
