import { createConnection } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openPki } from '@slipway/apiserver/pki';
import { agentAuthorityAnnotation } from '@slipway/api/annotations';
import {
  createSimulation,
  parseStages,
  type Stage,
  StagesError,
  stageSets,
  startRefusingServer,
} from '@slipway/kubelet-agent/simulated';
import { messageOf } from '@slipway/kit/errors';
import { parse } from 'yaml';
import type { CommandContext, RunCommand } from '../command.ts';
import { connectRemote } from '../compose/remote.ts';
import { runParts } from '../compose/run-parts.ts';
import { parseCapacity, parseLabels, parseTaints, parseZones } from '../simulated-flags.ts';
import { CommandError, UsageError } from '../usage-error.ts';

export const simulateNodes: RunCommand = async (context) => {
  const { config, clock, random, log, signal, print } = context;
  const { count, namePrefix, leaseSeconds, podCidr, ...given } = config.simulated;
  const options = {
    count,
    namePrefix,
    leaseSeconds,
    podCidr,
    labels: parseLabels(given.labels),
    taints: parseTaints(given.taints),
    zones: parseZones(given.zones),
    capacity: parseCapacity(given.capacity),
    stages: await readStages(given.stages),
  };
  const { connection, transport } = await connectRemote(config, clock, 'simulate-nodes');
  const address = given.nodeAddress ?? (await addressTowards(connection.server));
  const certificate = await certificateFor(context, address);
  // An address that was given may be that of a gateway before this machine.
  const host = given.nodeAddress === undefined ? address : '::';
  const server = await startRefusingServer({ host, port: given.kubeletPort, tls: certificate }).catch((error) => {
    throw new CommandError(`--kubelet-port ${given.kubeletPort}: ${messageOf(error)}`);
  });
  try {
    const annotations: Record<string, string> = certificate.authority
      ? { [agentAuthorityAnnotation]: certificate.authority }
      : {};
    const simulation = createSimulation(
      { ...options, annotations, address, port: server.port },
      { transport, clock, random, log },
    );
    const part = { name: 'simulation', ready: simulation.ready, run: (stop: AbortSignal) => simulation.run(stop) };
    await runParts([part], signal, async () => print(`ready: ${count} nodes`));
  } finally {
    await server.close();
    transport.close();
  }
};

async function readStages(name: string): Promise<readonly Stage[]> {
  const known = stageSets[name];
  if (known) return known;
  try {
    return parseStages(parse(await readFile(name, 'utf8')));
  } catch (error) {
    if (error instanceof StagesError) throw new UsageError(`--stages ${name}: ${error.message}`);
    const sets = Object.keys(stageSets).join(', ');
    throw new UsageError(`--stages ${name}: neither one of ${sets} nor a file that can be read: ${messageOf(error)}`);
  }
}

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
