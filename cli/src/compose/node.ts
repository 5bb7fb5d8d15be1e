/** The node agent of this machine: images, network, runtime, pods. And how all of it is taken away again. */
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { agentAuthorityAnnotation } from '@slipway/api/annotations';
import type { Transport } from '@slipway/api/transport';
import { createExec } from '@slipway/kit/exec';
import {
  type Address,
  createCgroups,
  createLocalRuntime,
  createNodeAgent,
  createNodeMetadata,
  createNodeNetwork,
  createPosixSpawn,
  detectCgroupLayout,
  hostInCidr,
  type NodeNetworkSettings,
  removeNodeNetwork,
  type ServingNode,
  systemMounter,
  volumeLayout,
} from '@slipway/kubelet-agent';
import type { Config } from '../config.ts';
import { clusterDnsAddress } from './cluster-dns.ts';
import { findProgram, searchPath } from '../find-program.ts';
import type { Part, ProcessDeps } from './control-plane.ts';
import { openImageStore } from './image-store.ts';

/** An agent starts many children, and Node's own way costs more the larger this process is. */
const spawn = createPosixSpawn({ PATH: searchPath });
const exec = createExec(spawn);

/** Why this machine, or this user, cannot run an agent. `unprivileged` is no fault: the control plane runs without. */
export type AgentObstacle = { readonly kind: 'unprivileged' | 'missing'; readonly message: string };

const programs: readonly { readonly name: string; readonly package: string }[] = [
  { name: 'ip', package: 'iproute2' },
  { name: 'nft', package: 'nftables' },
  { name: 'conmon', package: 'conmon' },
];

export async function agentObstacle(config: Config): Promise<AgentObstacle | undefined> {
  if (process.getuid?.() !== 0) {
    return {
      kind: 'unprivileged',
      message: 'containers need root, run as root for a node',
    };
  }
  const missing: string[] = [];
  for (const program of programs) if (!(await findProgram(program.name))) missing.push(program.package);
  const runtimes = config.runtimePath ? [config.runtimePath] : ['crun', 'runc'];
  const found = await Promise.all(runtimes.map((name) => findProgram(name)));
  if (!found.some((path) => path !== undefined)) {
    if (config.runtimePath) return { kind: 'missing', message: `--runtime ${config.runtimePath} does not exist` };
    missing.push('crun');
  }
  if (missing.length === 0) return undefined;
  return {
    kind: 'missing',
    message: `programs are missing; install them with: apt-get install -y ${missing.join(' ')}`,
  };
}

/** The certificate of the agent's server and the authority of its callers, as PEM. */
export interface AgentCertificates {
  readonly cert: string;
  readonly key: string;
  /** Whose client certificates are let in. */
  readonly clientCa: string;
  /** Goes into the Node object; see `agentAuthorityAnnotation`. */
  readonly announcedAuthority?: string;
  /** Renews what the agent's server shows, while it runs. */
  readonly keepServing?: (node: ServingNode, signal: AbortSignal) => Promise<void>;
}

/** How an agent, and the pods of its node, reach the API server. */
export interface ServerLink {
  readonly transport: Transport;
  /** Ends all connections to the server, so that new ones are made. */
  readonly reconnect?: () => void;
  /** Where the server listens when that is a loopback address: pods need a way to it. */
  readonly loopbackServer: (() => Address) | undefined;
}

/** Whether only this machine reaches the address. */
export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1' || host === '[::1]' || host === 'localhost';
}

const clusterDomain = 'cluster.local';
const resolvConf = '/etc/resolv.conf';
/** As everywhere: the first address of the services is the API server's. */
const apiServiceHost = 1;
const apiServicePort = 443;

function networkSettings(config: Config, loopbackServer?: () => Address): NodeNetworkSettings {
  const listen = { host: hostInCidr(config.serviceCidr, apiServiceHost), port: apiServicePort };
  return {
    clusterId: config.clusterId,
    nodeName: config.nodeName,
    dataDir: config.dataDir,
    clusterCidr: config.clusterCidr,
    serviceCidr: config.serviceCidr,
    networkBackend: config.networkBackend,
    dataPathPort: config.dataPathPort,
    nodePortNetworks: config.nodePortNetworks,
    dnsIp: clusterDnsAddress(config),
    apiRelay: loopbackServer && { listen, target: loopbackServer },
    clusterDomain,
    resolvConf,
    binPath: ['/opt/cni/bin', '/usr/lib/cni'],
    env: { PATH: searchPath },
  };
}

/** All interfaces that we make are called so. */
const ownInterfacePrefix = 'sw';

/** Names and addresses that the certificate of this machine's agent must be good for. */
export function agentHosts(config: Config): string[] {
  // Pods' interfaces come and go; a certificate that named them would be made anew at each start.
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, interfaces = []]) =>
    name.startsWith(ownInterfacePrefix) ? [] : interfaces,
  );
  return [
    ...new Set([
      config.nodeName,
      hostname(),
      'localhost',
      ...addresses.map(({ address }) => address.split('%')[0] ?? address),
    ]),
  ];
}

/**
 * Brings the node up to where pods can be taken: what earlier runs left is adopted or cleaned away before this resolves.
 */
export async function composeAgent(
  config: Config,
  { transport, reconnect, loopbackServer }: ServerLink,
  certificates: AgentCertificates,
  deps: ProcessDeps,
  signal: AbortSignal,
): Promise<Part> {
  const log = deps.log.child({ part: 'agent' });
  const settings = networkSettings(config, loopbackServer);
  const images = await openImageStore(config, { ...deps, log });
  const network = createNodeNetwork(settings, { exec, ...deps, log, transport });
  await network.start(signal);
  const runtime = await createLocalRuntime(
    { ...deps, exec, spawn, log, network: network.sandboxes, images },
    { dataDir: config.dataDir, searchPath, ...(config.runtimePath ? { runtime: config.runtimePath } : {}) },
    signal,
  );
  // Looks for a working OCI runtime. Without one the node would never be ready, and nobody would hear why.
  await runtime.version(signal);
  const sandboxes = await runtime.listPodSandboxes({}, signal);
  await network.collectGarbage(
    sandboxes.map(({ id }) => id),
    signal,
  );
  const metadata = await createNodeMetadata(settings, { ...deps, exec, log, transport, runtime });
  const agent = createNodeAgent(
    {
      nodeName: config.nodeName,
      dataDir: config.dataDir,
      tls: { cert: certificates.cert, key: certificates.key, clientCa: certificates.clientCa },
      ...(certificates.announcedAuthority
        ? { nodeAnnotations: { [agentAuthorityAnnotation]: certificates.announcedAuthority } }
        : {}),
      clusterId: config.clusterId,
      clusterCidr: config.clusterCidr,
      serviceCidr: config.serviceCidr,
      agentPort: config.agentPort,
      clusterDomain,
      resolvConf,
    },
    {
      ...deps,
      log,
      transport,
      runtime: metadata.over(runtime),
      images,
      cgroups: createCgroups(await detectCgroupLayout(), deps.clock),
      mounter: systemMounter,
      ...(reconnect ? { reconnect } : {}),
      usePodCidr: (podCidr, stop) => network.usePodCidr(podCidr, stop),
      ...(certificates.keepServing ? { keepServing: certificates.keepServing } : {}),
      metrics: () => network.metrics(),
      companions: (caches) => [(stop) => runtime.run(stop), ...network.companions(caches), metadata.companion(caches)],
    },
  );
  return { name: 'node agent', ready: agent.ready, run: (stop) => agent.run(stop) };
}

/**
 * Takes away everything that the data directory's node made on this machine, whatever state it was left in. Answers
 * what could not be removed.
 */
export async function removeNode(config: Config, deps: ProcessDeps, signal: AbortSignal): Promise<string[]> {
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`${what}: ${error instanceof Error ? error.message : error}`);
    }
  };
  const images = await openImageStore(config, deps);
  const network = createNodeNetwork(networkSettings(config), { exec, ...deps });
  await attempt('network', () => network.start(signal));
  await attempt('containers', async () => {
    const runtime = await createLocalRuntime(
      { ...deps, exec, spawn, network: network.sandboxes, images },
      { dataDir: config.dataDir, searchPath, ...(config.runtimePath ? { runtime: config.runtimePath } : {}) },
      signal,
    );
    failures.push(...(await runtime.removeEverything(signal)));
  });
  await attempt('network', () => removeNodeNetwork(networkSettings(config), { exec, signal }));
  const layout = volumeLayout(config.dataDir);
  await attempt('volumes', () => systemMounter.unmountBelow(layout.podsDirectory));
  await attempt('volumes in memory', () => systemMounter.unmountBelow(join(layout.memoryDirectory)));
  return failures;
}
