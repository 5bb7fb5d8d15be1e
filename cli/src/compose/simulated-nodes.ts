/** Scripted nodes: what the flags say of them, and the server that answers for their kubelets. */
import { readFile } from 'node:fs/promises';
import type { Transport } from '@slipway/api/transport';
import { agentAuthorityAnnotation } from '@slipway/api/annotations';
import {
  createSimulation,
  parseStages,
  type SimulationOptions,
  type Stage,
  StagesError,
  stageSets,
  startRefusingServer,
} from '@slipway/kubelet-agent/simulated';
import { messageOf } from '@slipway/kit/errors';
import { parse } from 'yaml';
import type { SimulatedConfig } from '../config.ts';
import { parseCapacity, parseLabels, parseTaints, parseZones } from '../simulated-flags.ts';
import { CommandError, UsageError } from '../usage-error.ts';
import type { Part, ProcessDeps } from './control-plane.ts';

export type SimulatedNodes = Omit<SimulationOptions, 'address' | 'port' | 'annotations'>;

/** Throws `UsageError` for what makes no sense. */
export async function simulatedNodesOf(config: SimulatedConfig, count: number): Promise<SimulatedNodes> {
  const { namePrefix, leaseSeconds, podCidr, labels, taints, zones, capacity, stages } = config;
  return {
    count,
    namePrefix,
    leaseSeconds,
    podCidr,
    labels: parseLabels(labels),
    taints: parseTaints(taints),
    zones: parseZones(zones),
    capacity: parseCapacity(capacity),
    stages: await readStages(stages),
  };
}

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

/** Where the API server finds the nodes' kubelets. */
export interface KubeletPlace {
  /** In the Node objects. */
  readonly address: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM. `authority` is announced where it is not the cluster's own. */
  readonly certificate: { readonly cert: string; readonly key: string; readonly authority?: string | undefined };
}

/** Listens at once; the nodes are registered when the part runs. */
export async function composeSimulatedNodes(
  nodes: SimulatedNodes,
  transport: Transport,
  { address, listen, certificate }: KubeletPlace,
  deps: ProcessDeps,
): Promise<Part> {
  const { authority, ...tls } = certificate;
  const server = await startRefusingServer({ ...listen, tls }).catch((error) => {
    throw new CommandError(`--kubelet-port ${listen.port}: ${messageOf(error)}`);
  });
  const annotations: Record<string, string> = authority ? { [agentAuthorityAnnotation]: authority } : {};
  const options = { ...nodes, annotations, address, port: server.port };
  const simulation = createSimulation(options, { ...deps, transport });
  const run = async (signal: AbortSignal) => {
    try {
      await simulation.run(signal);
    } finally {
      await server.close();
    }
  };
  return { name: 'simulation', ready: simulation.ready, run };
}
