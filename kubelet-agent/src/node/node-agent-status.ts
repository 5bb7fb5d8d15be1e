/**
 * The node in the API: registered once, kept alive by a small Lease every ten seconds, described by its status, which is
 * written when something in it changes and every five minutes otherwise.
 */
import { isDeepStrictEqual } from 'node:util';
import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { ContainerImage, Lease, Node, NodeStatus } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { type Clock, formatMicroTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { ImageService, RuntimeService } from '../runtime/cri.ts';
import { type MachineFacts, readMachinePressure } from './machine-facts.ts';
import { nodeStatus, withoutHeartbeat } from './node-status.ts';

export interface NodeAgentStatusDeps {
  readonly transport: Transport;
  readonly runtime: Pick<RuntimeService, 'status' | 'version'>;
  readonly images: Pick<ImageService, 'listImages'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface NodeAgentStatusOptions {
  readonly nodeName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly addresses: readonly string[];
  readonly machine: MachineFacts;
  readonly dataDirectory: string;
  readonly podsMax: number;
  readonly agentPort: number;
  readonly kubeletVersion: string;
  /** The newest that is known of the node from the API. */
  readonly node: () => Node | undefined;
  /** A reason of the agent itself for not being ready. */
  readonly problem: () => string | undefined;
}

const leaseNamespace = 'kube-node-lease';
const leaseSeconds = 40;
const everyMs = 10_000;
const fullReportMs = 300_000;
const registerRetryMs = 500;

export class NodeAgentStatus {
  readonly #deps: NodeAgentStatusDeps;
  readonly #options: NodeAgentStatusOptions;
  readonly #client: Client;
  #told: NodeStatus | undefined;
  #toldAtMs = 0;
  #leaseExists = false;
  #wake = () => {};
  #becomeReady = () => {};
  #annotations: Readonly<Record<string, string | null>>;
  /** Resolves when the API has the node with a Ready condition that is true. */
  readonly ready: Promise<void>;

  constructor(deps: NodeAgentStatusDeps, options: NodeAgentStatusOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#annotations = options.annotations;
    const object = { kind: 'Node', name: options.nodeName };
    this.#client = new Client(deps.transport, { controller: 'kubelet', object });
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
  }

  /** Writes annotations into the Node, now and whenever it is registered anew. Null takes one away. */
  async annotate(annotations: Readonly<Record<string, string | null>>, signal: AbortSignal): Promise<void> {
    this.#annotations = { ...this.#annotations, ...annotations };
    await this.#client.patch(kinds.nodes, { name: this.#options.nodeName }, { metadata: { annotations } }, { signal });
  }

  /** Looks again now instead of at the next beat: something that the status shows has changed. */
  refresh(): void {
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#register(signal);
    while (!signal.aborted) {
      try {
        await Promise.all([this.#renewLease(signal), this.#report(signal)]);
      } catch (error) {
        if (!signal.aborted) this.#deps.log.warn({ error: messageOf(error) }, 'node not reported, trying again');
      }
      await this.#pause(signal);
    }
  }

  async #register(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#ensureNode(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#deps.log.warn({ error: messageOf(error) }, 'node not registered, trying again');
        await this.#deps.clock.sleep(registerRetryMs, signal).catch(() => {});
      }
    }
  }

  async #ensureNode(signal: AbortSignal): Promise<void> {
    const { nodeName: name, machine } = this.#options;
    const labels = nodeLabels(this.#options.labels, name, machine.architecture);
    const annotations = Object.fromEntries(
      Object.entries(this.#annotations).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
    );
    const status = await this.#status(signal);
    const node: Node = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels, annotations }, spec: {}, status };
    try {
      await this.#client.create(kinds.nodes, node, { signal });
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
      await this.#client.patch(
        kinds.nodes,
        { name },
        { metadata: { labels, annotations: this.#annotations } },
        { signal },
      );
    }
  }

  async #status(signal: AbortSignal): Promise<NodeStatus> {
    const { runtime, images, clock } = this.#deps;
    const { machine, dataDirectory, node, problem, ...rest } = this.#options;
    const [pressure, conditions, version, present] = await Promise.all([
      readMachinePressure(dataDirectory),
      runtime.status(signal),
      runtime.version(signal).catch(() => ({ runtimeName: 'slipway', runtimeVersion: 'unknown' })),
      images.listImages({}, signal),
    ]);
    const problems = conditions
      .filter((condition) => !condition.status)
      .map(({ type, reason, message }) =>
        type === 'NetworkReady'
          ? `container runtime network not ready: NetworkReady=false reason:${reason} message:${message}`
          : `container runtime is down: ${message}`,
      );
    const own = problem();
    return nodeStatus({
      ...rest,
      machine,
      pressure,
      containerRuntimeVersion: `${version.runtimeName}://${version.runtimeVersion}`,
      images: present.map(imageOf).sort((a, b) => (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0)),
      problems: own ? [own, ...problems] : problems,
      previous: this.#told?.conditions ?? node()?.status?.conditions ?? [],
      nowMs: clock.nowMs(),
    });
  }

  async #report(signal: AbortSignal): Promise<void> {
    const status = await this.#status(signal);
    const nowMs = this.#deps.clock.nowMs();
    const isSame =
      this.#told !== undefined && isDeepStrictEqual(withoutHeartbeat(this.#told), withoutHeartbeat(status));
    if (isSame && nowMs - this.#toldAtMs < fullReportMs) return;
    const { nodeName: name } = this.#options;
    try {
      await this.#client.patch(
        kinds.nodes,
        { name },
        { status: replaced(status) },
        { type: 'strategic', subresource: 'status', signal },
      );
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      await this.#ensureNode(signal);
      return;
    }
    this.#told = status;
    this.#toldAtMs = nowMs;
    if (status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True')) this.#becomeReady();
  }

  async #renewLease(signal: AbortSignal): Promise<void> {
    const { nodeName: name } = this.#options;
    const renewTime = formatMicroTime(this.#deps.clock.nowMs());
    if (this.#leaseExists) {
      try {
        await this.#client.patch(
          kinds.leases,
          { namespace: leaseNamespace, name },
          { spec: { renewTime } },
          { signal },
        );
        return;
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error;
      }
    }
    await this.#createLease(renewTime, signal);
    this.#leaseExists = true;
  }

  async #createLease(renewTime: string, signal: AbortSignal): Promise<void> {
    const { nodeName: name, node } = this.#options;
    const uid = node()?.metadata.uid;
    const spec = { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime };
    const ownerReferences = uid ? [{ apiVersion: 'v1', kind: 'Node', name, uid }] : [];
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: leaseNamespace, ownerReferences },
      spec,
    };
    try {
      await this.#client.create(kinds.leases, lease, { signal });
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
      await this.#client.patch(kinds.leases, { namespace: leaseNamespace, name }, { spec }, { signal });
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const stop = () => woken.abort();
    this.#wake = stop;
    signal.addEventListener('abort', stop, { once: true });
    await this.#deps.clock.sleep(everyMs, woken.signal).catch(() => {});
    signal.removeEventListener('abort', stop);
  }
}

export function nodeLabels(
  own: Readonly<Record<string, string>>,
  nodeName: string,
  architecture: string,
): Record<string, string> {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    ...own,
  };
}

function imageOf(image: {
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly size: number;
}): ContainerImage {
  return { names: [...image.repoDigests, ...image.repoTags], sizeBytes: image.size };
}

/**
 * A strategic merge takes addresses of one type for the same address, so the list is replaced as a whole; conditions are
 * merged by their type, since others write some too.
 */
function replaced<T extends { readonly addresses?: readonly object[] | undefined }>(status: T) {
  return status.addresses ? { ...status, addresses: [{ $patch: 'replace' }, ...status.addresses] } : status;
}
