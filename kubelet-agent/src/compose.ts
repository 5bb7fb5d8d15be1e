import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transport } from '@slipway/api/transport';
import type { EndpointSlice, NetworkPolicy, Node, Pod, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { type EventRecorder, EventSink } from '@slipway/client/events';
import { kinds } from '@slipway/client/kinds';
import { createWatcher, type Watcher } from '@slipway/client/watcher';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { CacheReader } from '@slipway/client/cache';
import { type AgentConfig, type AgentSettings, agentConfig, kubeletVersion } from './config.ts';
import { runImageCollection } from './node/garbage-collection.ts';
import { hostAddresses, type MachineFacts, readMachineFacts } from './node/machine-facts.ts';
import { NodeAgentStatus, nodeLabels } from './node/node-agent-status.ts';
import { untilAddressMoves } from './node/own-address.ts';
import { nodeEvents } from './node/node-events.ts';
import { nodeAddresses } from './node/node-status.ts';
import { parseResolvConf } from './pods/dns-config.ts';
import type { NodeFacts, PodCgroups } from './pods/pod-deps.ts';
import { tell } from './pods/pod-deps.ts';
import { PodLoop } from './pods/pod-loop.ts';
import { ContainerProbes } from './probes/container-probes.ts';
import { execProbe } from './node/exec-probe.ts';
import type { ImageService, RuntimeService } from './runtime/cri.ts';
import type { StartWatch } from './node/start-watch.ts';
import { readUlimitBounds } from './node/own-ulimits.ts';
import { agentMetrics } from './server/agent-metrics.ts';
import { type AgentServer, startAgentServer } from './server/agent-server.ts';
import { runLogRotation } from './server/log-rotation.ts';
import { StatsSummary } from './server/stats-summary.ts';
import type { Mounter } from './volumes/mounter.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';
import { ReferencedObjects } from './volumes/referenced-objects.ts';
import { ServiceAccountTokens } from './volumes/service-account-tokens.ts';
import { volumeLayout } from './volumes/volume-layout.ts';

/** The world of a node agent. */
export interface NodeAgentDeps {
  readonly transport: Transport;
  readonly runtime: RuntimeService;
  readonly images: ImageService;
  readonly cgroups: PodCgroups;
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** The node has been given its part of the cluster's addresses. Absent = the runtime looks after its network itself. */
  readonly usePodCidr?: (podCidr: string, signal: AbortSignal) => Promise<void>;
  /** Looks after the certificate that the server shows, as long as the agent runs. */
  readonly keepServing?: (node: ServingNode, signal: AbortSignal) => Promise<void>;
  /** Of companions, in the text format of Prometheus; told after the agent's own. */
  readonly metrics?: () => string;
  /** The machine has another address: connections to the API server came from the old one. */
  readonly reconnect?: () => void;
  /** More that runs on a node as long as the agent does: service proxy, DNS. Its failure ends the agent. */
  readonly companions?: (caches: NodeCaches) => readonly ((signal: AbortSignal) => Promise<void>)[];
}

/** The agent's server, for whoever looks after the certificate that it shows. */
export interface ServingNode {
  /** Addresses and names that the Node will say it has. */
  readonly addresses: readonly string[];
  /** Resolves when the API has the node. */
  readonly registered: Promise<void>;
  useCertificate(pair: { readonly cert: string; readonly key: string }): void;
  annotate(annotations: Readonly<Record<string, string | null>>, signal: AbortSignal): Promise<void>;
}

/** What every node watches; shared with its companions. */
export interface NodeCaches {
  readonly services: CacheReader<Service>;
  readonly endpointSlices: CacheReader<EndpointSlice>;
  /** This node's own. */
  readonly pods: CacheReader<Pod>;
  readonly networkPolicies: CacheReader<NetworkPolicy>;
  /** This node, as the API has it. */
  readonly ownNode: CacheReader<Node>;
  readonly events: EventRecorder;
  readonly watch: StartWatch;
}

export interface NodeAgent {
  /** Resolves when the node is Ready in the API and the server listens. Pends as long as the API server is away. */
  readonly ready: Promise<void>;
  /** Port of the HTTPS server, once `ready`. */
  readonly port: number;
  /** Runs until aborted and drained. Containers keep running; the next agent adopts them. */
  run(signal: AbortSignal): Promise<void>;
}

export function createNodeAgent(settings: AgentSettings, deps: NodeAgentDeps): NodeAgent {
  const config = agentConfig(settings);
  let becomeReady = () => {};
  const ready = new Promise<void>((resolve) => {
    becomeReady = resolve;
  });
  let port = config.agentPort;
  return {
    ready,
    get port() {
      return port;
    },
    run: async (signal) => {
      while (!signal.aborted) {
        const parts = await assemble(config, deps);
        port = parts.server.port;
        parts.status.ready.then(becomeReady, () => {});
        try {
          await runUntilMoved(parts, config, deps, signal);
        } finally {
          await parts.server.close();
        }
      }
    },
  };
}

/** An agent whose address is another one begins anew, as after a restart: nothing that it knows of itself holds any more. */
async function runUntilMoved(
  parts: Parts,
  config: AgentConfig,
  deps: NodeAgentDeps,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = deps;
  const move = new AbortController();
  const follow: Run = async (stop) => {
    if (config.nodeIp) return;
    const { movedTo } = await untilAddressMoves(parts.address, hostAddresses, clock, stop);
    if (movedTo === undefined) return;
    log.warn({ from: parts.address, to: movedTo }, 'the address of this machine has changed');
    move.abort();
    deps.reconnect?.();
  };
  await runAll([...parts.runs, follow], AbortSignal.any([signal, move.signal]));
}

type Run = (signal: AbortSignal) => Promise<void>;

/** Runs all until aborted; when one breaks, the others are ended and its error is thrown. */
async function runAll(runs: readonly Run[], signal: AbortSignal): Promise<void> {
  const own = new AbortController();
  const follow = () => own.abort(signal.reason);
  signal.addEventListener('abort', follow, { once: true });
  if (signal.aborted) follow();
  const running = runs.map((run) =>
    run(own.signal).catch((error: unknown) => {
      if (own.signal.aborted) return;
      own.abort(error);
      throw error;
    }),
  );
  const results = await Promise.allSettled(running);
  signal.removeEventListener('abort', follow);
  const broken = results.find((result) => result.status === 'rejected');
  if (broken) throw broken.reason;
}

interface Parts {
  /** That the node is known by. */
  readonly address: string;
  readonly server: AgentServer;
  readonly status: NodeAgentStatus;
  readonly runs: readonly Run[];
}

async function assemble(config: AgentConfig, deps: NodeAgentDeps): Promise<Parts> {
  const { transport, runtime, images, clock, random, log } = deps;
  const layout = volumeLayout(config.dataDir);
  const machine = await readMachineFacts(config.dataDir);
  const hostIps = config.nodeIp ? [config.nodeIp] : machine.addresses;
  const watch = watchers(config, deps);
  const facts = nodeFacts(config, machine, hostIps, watch.node.cache);
  const events = new EventSink({ transport, clock, log });
  const recorder = events.recorder('kubelet', config.nodeName);
  watch.node.cache.subscribe((changes) => {
    for (const { before, after } of changes) for (const event of nodeEvents(before, after)) recorder.record(event);
  });
  const objects = new ReferencedObjects({ transport, clock, random, log });
  const tokens = new ServiceAccountTokens(transport, clock);
  const volumes = new PodVolumes({ layout, mounter: deps.mounter, objects, tokens, clock, random, log });
  await volumes.prepare();
  const host = parseResolvConf(await readFile(config.resolvConf, 'utf8').catch(() => ''));
  const { clusterDns, clusterDomain } = config;
  const probes: ContainerProbes = new ContainerProbes({
    clock,
    random,
    exec: execProbe(runtime),
    onChange: (podUid) => loop.wake(podUid),
    onUnhealthy: (target, type, { result, output }) => {
      const pod = loop.pods().find(({ metadata }) => metadata.uid === target.podUid);
      const name = `${type.charAt(0).toUpperCase()}${type.slice(1)}`;
      const message = `${name} probe ${result === 'error' ? 'errored' : 'failed'}: ${output}`;
      if (pod) tell(recorder, pod, { type: 'Warning', reason: 'Unhealthy', message, container: target.container.name });
    },
  });
  const { runtimeName } = await runtime
    .version(AbortSignal.timeout(versionTimeoutMs))
    .catch(() => ({ runtimeName: 'slipway' }));
  const loop: PodLoop = new PodLoop({
    ...deps,
    layout,
    volumes,
    objects,
    probes,
    runtimeName,
    events: recorder,
    pods: watch.pods,
    services: watch.services,
    node: facts,
    dns: () => ({ clusterDns, clusterDomain, host }),
    seccompRoot: join(config.dataDir, 'seccomp'),
    ulimitBounds: await readUlimitBounds(),
  });
  const stats = new StatsSummary({ runtime, clock, nodeName: config.nodeName, dataDirectory: config.dataDir });
  const pods = () => loop.pods();
  const server = await startAgentServer(
    {
      runtime,
      clock,
      log,
      stats,
      pods,
      metrics: () => agentMetrics(loop.pods(), config.nodeName) + (deps.metrics?.() ?? ''),
    },
    { host: hostIps[0] ?? '127.0.0.1', port: config.agentPort, tls: config.tls },
  );
  const status = nodeStatusPart(config, deps, { machine, hostIps, port: server.port, node: watch.node });
  const companions =
    deps.companions?.({
      services: watch.services.cache,
      endpointSlices: watch.endpointSlices.cache,
      pods: watch.pods.cache,
      networkPolicies: watch.networkPolicies.cache,
      ownNode: watch.node.cache,
      events: recorder,
      watch: (options) => {
        const watcher = createWatcher({ transport, clock, random, log, ...options });
        return (signal) => watcher.run(signal);
      },
    }) ?? [];
  const runs: Run[] = [
    (signal) => watch.node.run(signal),
    (signal) => watch.pods.run(signal),
    (signal) => watch.services.run(signal),
    (signal) => watch.endpointSlices.run(signal),
    (signal) => watch.networkPolicies.run(signal),
    (signal) => events.run(signal),
    (signal) => volumes.run(signal),
    (signal) => status.run(signal),
    (signal) => loop.run(signal).finally(() => probes.close()),
    (signal) => followPodCidr(watch.node, status, deps, signal),
    (signal) => runLogRotation({ runtime, clock, log }, signal),
    (signal) => runImageCollection({ runtime, images, clock, log, dataDirectory: config.dataDir }, signal),
    ...companions,
  ];
  const { keepServing } = deps;
  if (keepServing) {
    const serving: ServingNode = {
      addresses: nodeAddresses({ addresses: hostIps, machine }).map(({ address }) => address),
      registered: status.ready,
      useCertificate: (pair) => server.useCertificate(pair),
      annotate: (annotations, signal) => status.annotate(annotations, signal),
    };
    runs.push((signal) => keepServing(serving, signal));
  }
  return { address: hostIps[0] ?? '', server, status, runs };
}

const versionTimeoutMs = 5_000;

function watchers(config: AgentConfig, { transport, clock, random, log }: NodeAgentDeps) {
  const shared = { transport, clock, random, log };
  const { nodeName } = config;
  return {
    node: createWatcher<Node>({
      ...shared,
      kind: kinds.nodes,
      cache: new ObjectCache<Node>(),
      fieldSelector: `metadata.name=${nodeName}`,
    }),
    pods: createWatcher<Pod>({
      ...shared,
      kind: kinds.pods,
      cache: new ObjectCache<Pod>(),
      fieldSelector: `spec.nodeName=${nodeName}`,
    }),
    services: createWatcher<Service>({ ...shared, kind: kinds.services, cache: new ObjectCache<Service>() }),
    endpointSlices: createWatcher<EndpointSlice>({
      ...shared,
      kind: kinds.endpointSlices,
      cache: new ObjectCache<EndpointSlice>(),
    }),
    networkPolicies: createWatcher<NetworkPolicy>({
      ...shared,
      kind: kinds.networkPolicies,
      cache: new ObjectCache<NetworkPolicy>(),
    }),
  };
}

/** Labels and allocatable as the API has them; before it has the node, as the agent will write them. */
function nodeFacts(
  { nodeName, nodeLabels: own, podsMax }: AgentConfig,
  machine: MachineFacts,
  hostIps: readonly string[],
  nodes: CacheReader<Node>,
): () => NodeFacts {
  const labels = nodeLabels(own, nodeName, machine.architecture);
  const allocatable = { cpu: String(machine.cpus), memory: String(machine.memoryBytes), pods: String(podsMax) };
  return () => {
    const node = nodes.get(nodeName);
    return {
      name: nodeName,
      labels: node?.metadata.labels ?? labels,
      hostIps,
      allocatable: node?.status?.allocatable ?? allocatable,
      memoryCapacityBytes: machine.memoryBytes,
    };
  };
}

function nodeStatusPart(
  config: AgentConfig,
  deps: NodeAgentDeps,
  known: {
    readonly machine: MachineFacts;
    readonly hostIps: readonly string[];
    readonly port: number;
    readonly node: Watcher<Node>;
  },
): NodeAgentStatus {
  const node = () => known.node.cache.get(config.nodeName);
  return new NodeAgentStatus(deps, {
    nodeName: config.nodeName,
    labels: config.nodeLabels,
    annotations: config.nodeAnnotations,
    addresses: known.hostIps,
    machine: known.machine,
    dataDirectory: config.dataDir,
    podsMax: config.podsMax,
    agentPort: known.port,
    kubeletVersion,
    node,
    problem: () => undefined,
  });
}

const podCidrRetryMs = 1_000;

/** Hands the node's part of the cluster's addresses to the network, once it is allotted. */
async function followPodCidr(
  node: Watcher<Node>,
  status: NodeAgentStatus,
  { usePodCidr, clock, log }: NodeAgentDeps,
  signal: AbortSignal,
): Promise<void> {
  if (!usePodCidr) return;
  let used: string | undefined;
  let changed = () => {};
  const unsubscribe = node.cache.subscribe(() => changed());
  const onAbort = () => changed();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      const podCidr = node.cache.list()[0]?.spec.podCIDR;
      if (!podCidr || podCidr === used) {
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
        continue;
      }
      try {
        await usePodCidr(podCidr, signal);
        used = podCidr;
        status.refresh();
      } catch (error) {
        if (signal.aborted) return;
        log.error({ err: error, podCidr }, 'pod network could not be set up, trying again');
        await clock.sleep(podCidrRetryMs, signal).catch(() => {});
      }
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', onAbort);
  }
}
