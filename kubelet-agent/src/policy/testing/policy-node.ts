/** A node for tests: real pods' networks in namespaces, and policies over objects that the test says there are. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KubeObject, Namespace, NetworkPolicy, Pod } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { createKernelHost, createSysctlRecord, type Host, hostInterfaceName } from '@slipway/cni';
import { createTestNetwork, type TestNetwork } from '@slipway/cni/testing';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { PodNetwork } from '../../network/pod-network.ts';
import { guardSandboxes } from '../guarded-sandboxes.ts';
import type { StartWatch } from '../../node/start-watch.ts';
import { NetworkPolicies } from '../network-policies.ts';
import { SourceGuard } from '../source-guard.ts';
import type { ClusterModel, Packet } from './naive-model.ts';

export const clusterId = 'test7';
const askScript = fileURLToPath(new URL('./ask.ts', import.meta.url));

export interface TestPod {
  readonly name: string;
  readonly netns: string;
  readonly ip: string;
}

export class PolicyNode {
  readonly network: TestNetwork;
  readonly host: Host;
  readonly pods: TestPod[] = [];
  readonly podCache = new ObjectCache<Pod>();
  readonly policyCache = new ObjectCache<NetworkPolicy>();
  readonly sources: SourceGuard;
  policies: NetworkPolicies;
  readonly #podNetwork: PodNetwork;
  #model: ClusterModel = { policies: [], pods: [], namespaces: [] };
  #version = 1n;
  #feeds: (() => void)[] = [];

  private constructor(network: TestNetwork) {
    this.network = network;
    const record = createSysctlRecord(clusterId, join(network.directory, 'sysctl'));
    this.host = createKernelHost({ exec, netns: network.hostNetns, record });
    this.#podNetwork = new PodNetwork(
      { host: this.host, exec, log: silentLogger },
      {
        cluster: { clusterId, clusterCidr: '10.64.0.0/16', serviceCidr: '10.96.0.0/16', ownServiceIps: ['10.96.0.10'] },
        directory: join(network.directory, 'network'),
        binPath: [],
        env: {},
        nodeNetns: network.hostNetns,
      },
    );
    this.policies = this.createPolicies();
    this.policies.follow();
    this.sources = new SourceGuard({ host: this.host, clock: systemClock, log: silentLogger }, { clusterId });
  }

  static async create(): Promise<PolicyNode> {
    const node = new PolicyNode(await createTestNetwork());
    await node.#podNetwork.start('10.64.0.0/24', neverAborted);
    return node;
  }

  /** Another process that finds what the last one left in the kernel. */
  createPolicies(): NetworkPolicies {
    this.#feeds = [];
    const watch: StartWatch = ({ kind, cache }) => {
      const replace = cache.replace.bind(cache) as (objects: readonly KubeObject[], version: bigint) => void;
      const feed = () => replace(kind.kind === 'Pod' ? this.#model.pods : this.#model.namespaces, this.#version);
      this.#feeds.push(feed);
      feed();
      return async () => {};
    };
    this.policies = new NetworkPolicies(
      {
        host: this.host,
        clock: systemClock,
        log: silentLogger,
        pods: this.podCache,
        networkPolicies: this.policyCache,
        watch,
      },
      { clusterId },
    );
    return this.policies;
  }

  /** A pod's network without its object. It serves TCP and UDP at the ports and answers `NAME PEER`. */
  async addPod(name: string, ports: readonly number[]): Promise<TestPod> {
    const netns = await this.network.addNetns();
    const { ips } = await this.#podNetwork.setUp(this.#request(name, netns), neverAborted);
    const pod = { name, netns, ip: ips[0] ?? '' };
    this.pods.push(pod);
    await this.network.run(netns, 'ip', 'link', 'set', 'lo', 'up');
    for (const port of ports) {
      this.network.serve(netns, port, name);
      this.network.serve(netns, port, name, 'UDP4');
    }
    for (const port of ports) await this.network.untilServed(netns, port);
    return pod;
  }

  /** As the runtime does it, with protection. */
  async setUpGuarded(name: string, netns: string, signal: AbortSignal): Promise<string> {
    const sandboxes = guardSandboxes(
      { ...this.#unguarded() },
      () => ({ policies: this.policies, sources: this.sources }),
      (sandboxId) => hostInterfaceName(sandboxId, 'eth0'),
    );
    const { ips } = await sandboxes.setUp(this.#request(name, netns), signal);
    return ips[0] ?? '';
  }

  /** What the API says from now on. */
  tell(model: Partial<ClusterModel>): void {
    this.#model = { ...this.#model, ...model };
    this.#version++;
    const stamped = <T extends Pod | Namespace | NetworkPolicy>(objects: readonly T[]): T[] =>
      objects.map((each) => ({ ...each, metadata: { ...each.metadata, resourceVersion: String(this.#version) } }));
    this.#model = {
      policies: stamped(this.#model.policies),
      pods: stamped(this.#model.pods),
      namespaces: stamped(this.#model.namespaces),
    };
    this.podCache.replace(this.#model.pods, this.#version);
    this.policyCache.replace(this.#model.policies, this.#version);
    for (const feed of this.#feeds) feed();
  }

  /** The packets that get an answer. Those that should are asked for again while they get none. */
  async answered(packets: readonly Packet[], isExpected: (packet: Packet) => boolean): Promise<ReadonlySet<Packet>> {
    const asked = await Promise.all(
      this.pods.map(async ({ netns, ip }) => {
        const own = packets.filter(({ from }) => from === ip);
        if (own.length === 0) return [];
        const questions = own.map((packet) => ({ ...packet, isExpected: isExpected(packet) }));
        const said = await this.network.run(netns, process.execPath, askScript, JSON.stringify(questions));
        const answers = JSON.parse(said) as readonly boolean[];
        return own.filter((_, i) => answers[i]);
      }),
    );
    return new Set(asked.flat());
  }

  async remove(): Promise<void> {
    await this.network.remove();
  }

  #request(name: string, netnsPath: string) {
    const pod = { name, namespace: 'ns-a', uid: `uid-${name}`, attempt: 0 };
    return { sandboxId: `sandbox-${name}`, pod, netnsPath, labels: {}, annotations: {}, portMappings: [] };
  }

  #unguarded() {
    return {
      setUp: (request: Parameters<PodNetwork['setUp']>[0], signal: AbortSignal) =>
        this.#podNetwork.setUp(request, signal),
      tearDown: (request: Parameters<PodNetwork['setUp']>[0], signal: AbortSignal) =>
        this.#podNetwork.tearDown(request, signal),
      problem: (signal: AbortSignal) => this.#podNetwork.problem(signal),
    };
  }
}
