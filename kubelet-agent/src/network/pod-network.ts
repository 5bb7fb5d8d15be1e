import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  builtInPlugins,
  type Chain,
  createChain,
  createPluginCaller,
  createResultCache,
  type Host,
  loadConflist,
  type NetworkConfigList,
  parseConflist,
  prepareBridge,
  wantsExecutable,
} from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { Exec } from '@slipway/kit/exec';
import type { Logger } from '@slipway/kit/logger';
import { networkSelection } from './attachments/network-selection.ts';
import type { NetworkObjects } from './attachments/network-objects.ts';
import { PodAttachments } from './attachments/pod-attachments.ts';
import { type ClusterNetwork, defaultConflist, podInterface } from './cluster-network.ts';
import { type BandwidthArgs, podBandwidth } from './pod-bandwidth.ts';
import { uplinkMtu } from './uplink.ts';

/** What a sandbox needs of the network. The same shape as the runtime's own request. */
export interface PodNetworkRequest {
  readonly sandboxId: string;
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string };
  /** Of the pod; some ask something of the network. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the pod: its number in its set is there. */
  readonly labels?: Readonly<Record<string, string>>;
  /** On `tearDown` it may be gone already. */
  readonly netnsPath: string;
  readonly portMappings: readonly {
    readonly protocol: string;
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIp: string;
  }[];
}

export interface PodNetworkOptions {
  readonly cluster: Omit<ClusterNetwork, 'podCidr' | 'mtu' | 'ipamDirectory'>;
  /** For results, reservations and what must be known after a restart without the API server. */
  readonly directory: string;
  /** A user's own configuration instead of the default one: the first file of the folder counts. */
  readonly conflistDirectory?: string | undefined;
  /** Folders of plugin executables for types that are not ours. */
  readonly binPath: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The network namespace that plays the node; the process's own when absent. */
  readonly nodeNetns?: string;
  /** The largest packet of a pod; that of the default route's interface when absent. Throws when none fits. */
  readonly podMtu?: (signal: AbortSignal) => Promise<number | undefined>;
}

export interface PodNetworkDeps {
  readonly host: Host;
  readonly exec: Exec;
  readonly log: Logger;
}

/** Interfaces, addresses and host ports of pods, by CNI. */
export class PodNetwork {
  readonly #deps: PodNetworkDeps;
  readonly #options: PodNetworkOptions;
  readonly #attachments: PodAttachments;
  #chain: Chain | undefined;
  #list: NetworkConfigList | undefined;
  #podCidr: string | undefined;
  /** Why the default network could not be made. */
  #failure: string | undefined;

  constructor(deps: PodNetworkDeps, options: PodNetworkOptions) {
    this.#deps = deps;
    this.#options = options;
    const { cluster, directory } = options;
    this.#attachments = new PodAttachments(
      { ...deps, chainOf: (list) => this.#chainOf(list) },
      {
        directory,
        conflistDirectory: options.conflistDirectory ?? '/etc/cni/net.d',
        node: { ...cluster, ipamDirectory: join(directory, 'ipam') },
        clusterNetworks: [cluster.clusterCidr, cluster.serviceCidr],
        mtu: (signal) => uplinkMtu(deps.host, signal),
      },
    );
  }

  /** What pods ask for beside the cluster network is looked up there. */
  useObjects(objects: NetworkObjects): void {
    this.#attachments.use(objects);
  }

  /** Looks after what pods have beside the cluster network, until the signal aborts. */
  run(clock: Clock, signal: AbortSignal): Promise<void> {
    return this.#attachments.run({ clock }, signal);
  }

  /**
   * Reads what an earlier run knew and makes the bridge, so that the DNS server can listen. `podCidr` is the node's part
   * of the cluster's addresses as far as it is known yet; the one used last stands in for it.
   */
  async start(podCidr: string | undefined, signal: AbortSignal): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true });
    const known = podCidr ?? (await this.#readPodCidr());
    if (this.#options.conflistDirectory) await this.#useConflist(await this.#loadOwn(), signal);
    else if (known) await this.usePodCidr(known, signal);
  }

  /** The node has been given its addresses. Pods that exist keep theirs. */
  async usePodCidr(podCidr: string, signal: AbortSignal): Promise<void> {
    if (this.#options.conflistDirectory || podCidr === this.#podCidr) return;
    try {
      await this.#makeDefault(podCidr, signal);
      this.#failure = undefined;
    } catch (error) {
      this.#failure = messageOf(error);
      throw error;
    }
  }

  async #makeDefault(podCidr: string, signal: AbortSignal): Promise<void> {
    const { podMtu = (stop) => uplinkMtu(this.#deps.host, stop) } = this.#options;
    const raw = defaultConflist({
      ...this.#options.cluster,
      podCidr,
      mtu: await podMtu(signal),
      ipamDirectory: join(this.#options.directory, 'ipam'),
    });
    await this.#useConflist(parseConflist(raw, 'the default network'), signal);
    await this.#writePodCidr(podCidr);
    this.#podCidr = podCidr;
  }

  async setUp(request: PodNetworkRequest, signal: AbortSignal): Promise<{ readonly ips: readonly string[] }> {
    const { sandboxId, pod, netnsPath, annotations = {}, labels = {} } = request;
    const primary = attachmentFrom(request, podBandwidth(annotations));
    const selection = networkSelection({ annotations, labels });
    if (selection) {
      const asked = { sandboxId, pod, netnsPath, selection, primary, clusterList: this.#list };
      return this.#attachments.setUp(asked, signal);
    }
    const result = await this.#requireChain().add(primary, signal);
    const ips = result.ips.map((ip) => ip.address.split('/')[0] ?? '').filter((ip) => ip !== '');
    return { ips };
  }

  async tearDown(request: PodNetworkRequest, signal: AbortSignal): Promise<void> {
    if (await this.#attachments.tearDown(request.sandboxId, signal)) return;
    await this.#requireChain().del(attachmentFrom(request), signal);
  }

  /** Whether `setUp` can work; a text says what is missing. */
  async problem(signal: AbortSignal): Promise<string | undefined> {
    if (!this.#chain) return `network plugin is not ready: ${this.#failure ?? 'the node has no pod CIDR yet'}`;
    try {
      await this.#chain.status(signal);
      return undefined;
    } catch (error) {
      return `network plugin is not ready: ${messageOf(error)}`;
    }
  }

  /** Frees what belongs to sandboxes that do not exist any more. */
  async collectGarbage(sandboxIds: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#chain?.gc(
      sandboxIds.map((containerID) => ({ containerID, ifname: podInterface })),
      signal,
    );
    await this.#attachments.collectGarbage(sandboxIds, signal);
  }

  async #useConflist(list: NetworkConfigList, signal: AbortSignal): Promise<void> {
    const { host, log } = this.#deps;
    const [first] = list.plugins;
    if (first?.type === 'bridge' && !wantsExecutable(first)) await prepareBridge(first, host, { signal });
    this.#list = list;
    this.#chain = this.#chainOf(list);
    log.info({ network: list.name, plugins: list.plugins.map((plugin) => plugin.type) }, 'pod network ready');
  }

  #chainOf(list: NetworkConfigList): Chain {
    const { host, exec } = this.#deps;
    const { env, binPath, directory, nodeNetns } = this.#options;
    const call = createPluginCaller({
      plugins: builtInPlugins,
      host,
      exec,
      env,
      ...(nodeNetns === undefined ? {} : { netns: nodeNetns }),
    });
    return createChain({ list, call, path: binPath, cache: createResultCache(join(directory, 'results')) });
  }

  async #loadOwn(): Promise<NetworkConfigList> {
    const folder = this.#options.conflistDirectory ?? '';
    const list = await loadConflist(folder);
    if (!list) throw new Error(`no CNI configuration in ${folder}: put a .conflist file there`);
    return list;
  }

  #requireChain(): Chain {
    if (this.#chain) return this.#chain;
    throw new Error('network plugin is not ready: the node has no pod CIDR yet');
  }

  async #readPodCidr(): Promise<string | undefined> {
    try {
      return (await readFile(this.#podCidrPath, 'utf8')).trim() || undefined;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #writePodCidr(podCidr: string): Promise<void> {
    if (podCidr === (await this.#readPodCidr())) return; // a start, or `down`, on a full disk
    await writeFile(`${this.#podCidrPath}.new`, podCidr);
    await rename(`${this.#podCidrPath}.new`, this.#podCidrPath);
  }

  get #podCidrPath(): string {
    return join(this.#options.directory, 'pod-cidr');
  }
}

function attachmentFrom(request: PodNetworkRequest, bandwidth?: BandwidthArgs) {
  const { sandboxId, pod, netnsPath, portMappings } = request;
  const args: (readonly [string, string])[] = [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAMESPACE', pod.namespace],
    ['K8S_POD_NAME', pod.name],
    ['K8S_POD_INFRA_CONTAINER_ID', sandboxId],
    ['K8S_POD_UID', pod.uid],
  ];
  const mappings = portMappings
    .filter(({ hostPort }) => hostPort > 0)
    .map(({ protocol, hostIp, ...ports }) => ({ ...ports, protocol: protocol.toLowerCase(), hostIP: hostIp }));
  const capabilityArgs = {
    ...(mappings.length > 0 ? { portMappings: mappings } : {}),
    ...(bandwidth ? { bandwidth } : {}),
  };
  return { containerId: sandboxId, netns: netnsPath, ifName: podInterface, args, capabilityArgs };
}
