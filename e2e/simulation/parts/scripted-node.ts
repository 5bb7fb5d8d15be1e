/**
 * A node as the control plane sees it: it registers, sends heartbeats, starts what is bound to it, says how that fares and lets go
 * what is deleted. Nothing runs; what would run is a list of sandboxes that survives its agent, as containers do.
 */
import type { Lease, Node, Pod } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { Client } from '@slipway/client/client';
import { keyOf, kinds } from '@slipway/client/kinds';
import { createWatcher } from '@slipway/client/watcher';
import { isStatus } from '@slipway/api/status-error';
import { formatMicroTime, formatTime } from '@slipway/kit/clock';
import { KeyedQueue } from '@slipway/kit/keyed-queue';
import { silentLogger } from '@slipway/kit/logger';
import { Chance } from '../chance.ts';
import type { Network } from '../network.ts';
import type { SimulatedProcess } from '../process.ts';
import { fateOf } from './fate.ts';
import { isTerminal, showsStatus, statusFrom } from './pod-on-node.ts';
import { type Sandbox, type SandboxListener, Sandboxes } from './sandboxes.ts';

const heartbeatMs = 10_000;
const startMsMax = 3_000;
const runMsMax = 20_000;
const againMs = 2_000;
const failureShare = 0.2;

export class ScriptedNode {
  readonly name: string;
  readonly sandboxes: Sandboxes;
  readonly #network: Network;
  readonly #newProcess: (name: string) => SimulatedProcess;
  readonly #labels: Readonly<Record<string, string>>;
  #agent: { readonly process: SimulatedProcess; readonly agent: Agent } | undefined;
  #isPowered = true;

  constructor(
    name: string,
    deps: {
      readonly network: Network;
      readonly newProcess: (name: string) => SimulatedProcess;
      readonly listener: SandboxListener;
      /** Of its Node, beside that of its name. */
      readonly labels?: Readonly<Record<string, string>>;
    },
  ) {
    this.name = name;
    this.#labels = deps.labels ?? {};
    this.#network = deps.network;
    this.#newProcess = deps.newProcess;
    this.sandboxes = new Sandboxes(name, deps.listener);
  }

  get process(): SimulatedProcess | undefined {
    return this.#agent?.process;
  }

  get isPowered(): boolean {
    return this.#isPowered;
  }

  /** Starts the agent, and the machine if it was off. */
  start(): void {
    if (this.#agent) return;
    this.#isPowered = true;
    const process = this.#newProcess(this.name);
    const agent = new Agent(this.name, {
      process,
      network: this.#network,
      sandboxes: this.sandboxes,
      labels: this.#labels,
    });
    this.#agent = { process, agent };
    agent.start();
  }

  /** The agent is gone, and everything else goes on. */
  crash(): void {
    this.#agent?.process.kill();
    this.#agent = undefined;
  }

  powerOff(): void {
    this.crash();
    this.#isPowered = false;
    this.sandboxes.clear();
  }
}

interface AgentDeps {
  readonly process: SimulatedProcess;
  readonly network: Network;
  readonly sandboxes: Sandboxes;
  readonly labels: Readonly<Record<string, string>>;
}

class Agent {
  readonly #name: string;
  readonly #deps: AgentDeps;
  readonly #client: Client;
  readonly #chance: Chance;
  readonly #pods = new ObjectCache<Pod>();
  readonly #queue: KeyedQueue;
  #podCidr = '';

  constructor(name: string, deps: AgentDeps) {
    this.#name = name;
    this.#deps = deps;
    const { process, network } = deps;
    this.#client = new Client(network.connect(process, { name: `system:node:${name}`, groups: ['system:nodes'] }));
    this.#chance = new Chance(process.random);
    this.#queue = new KeyedQueue(process.clock);
  }

  get #signal(): AbortSignal {
    return this.#deps.process.signal;
  }

  start(): void {
    const { clock, random } = this.#deps.process;
    const transport = this.#client.transport;
    const fieldSelector = `spec.nodeName=${this.#name}`;
    const watcher = createWatcher({
      transport,
      clock,
      random,
      log: silentLogger,
      kind: kinds.pods,
      cache: this.#pods,
      fieldSelector,
    });
    this.#pods.subscribe((changes) => {
      for (const { key } of changes) this.#queue.addAfter(key, this.#chance.between(1, 200));
    });
    void watcher.run(this.#signal);
    void watcher.ready.then(() => {
      for (const { key } of this.#deps.sandboxes.all()) this.#queue.add(key);
      void this.#queue.run(8, (key) => this.#work(key), this.#signal);
    });
    void this.#beat();
  }

  async #beat(): Promise<void> {
    for (;;) {
      try {
        await this.#register();
        await this.#renewLease();
      } catch {
        // The next heartbeat comes soon enough.
      }
      await this.#deps.process.clock.sleep(heartbeatMs, this.#signal);
    }
  }

  /** Makes the node when it is not there, and says that it is well when the server thinks otherwise. */
  async #register(): Promise<void> {
    const nowMs = this.#deps.process.clock.nowMs();
    const node = await this.#client
      .get(kinds.nodes, { name: this.#name }, { signal: this.#signal })
      .catch((error: unknown) => {
        if (!isStatus(error, 'NotFound')) throw error;
        return this.#client.create(kinds.nodes, nodeNamed(this.#name, this.#deps.labels, nowMs), {
          signal: this.#signal,
        });
      });
    this.#podCidr = node.spec?.podCIDR ?? '';
    if (node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return;
    const { status } = nodeNamed(this.#name, this.#deps.labels, nowMs);
    await this.#client.patch(
      kinds.nodes,
      { name: this.#name },
      { status },
      { signal: this.#signal, subresource: 'status' },
    );
  }

  async #renewLease(): Promise<void> {
    const metadata = { namespace: 'kube-node-lease', name: this.#name };
    const renewTime = formatMicroTime(this.#deps.process.clock.nowMs());
    const spec = { holderIdentity: this.#name, leaseDurationSeconds: 40, renewTime };
    const lease: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    try {
      await this.#client.patch(kinds.leases, metadata, { spec }, { signal: this.#signal });
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      await this.#client.create(kinds.leases, lease, { signal: this.#signal });
    }
  }

  async #work(key: string): Promise<void> {
    try {
      const againAfterMs = await this.#look(key);
      if (againAfterMs !== undefined) this.#queue.addAfter(key, againAfterMs);
    } catch {
      this.#queue.addAfter(key, againMs);
    }
  }

  /** Does what is due for a pod. Answers when to look again, if nothing changes before. */
  async #look(key: string): Promise<number | undefined> {
    const { sandboxes, process } = this.#deps;
    const pod = this.#pods.get(key);
    for (const { uid, key: of } of [...sandboxes.all()]) {
      if (of === key && uid !== pod?.metadata.uid) sandboxes.remove(uid);
    }
    if (!pod) return undefined;
    const uid = pod.metadata.uid ?? '';
    const sandbox = sandboxes.get(uid);
    if (pod.metadata.deletionTimestamp) return this.#stop(pod, sandbox);
    if (isTerminal(pod)) {
      sandboxes.remove(uid);
      return undefined;
    }
    if (!sandbox) return this.#begin(pod);
    const nowMs = process.clock.monotonicMs();
    if (sandbox.endsMs !== undefined && nowMs >= sandbox.endsMs) return this.#ended(pod, sandbox);
    await this.#report(pod, sandbox, undefined);
    const { readyMs, sickMs = Infinity, endsMs = Infinity } = sandbox;
    const nextMs = Math.min(...[readyMs, sickMs, endsMs].filter((each) => each > nowMs));
    return nextMs === Infinity ? undefined : nextMs - nowMs;
  }

  async #begin(pod: Pod): Promise<number | undefined> {
    const { process, sandboxes } = this.#deps;
    const { clock } = process;
    await clock.sleep(this.#chance.between(1, startMsMax), this.#signal);
    const others = new Set(this.#pods.list().flatMap((each) => (isTerminal(each) ? [] : [each.status?.podIP ?? ''])));
    const ip = sandboxes.freeAddress(this.#podCidr, others);
    if (!this.#podCidr || !ip) return againMs;
    const startedMs = clock.monotonicMs();
    const { readyAfterMs, sickAfterMs, endsAfterMs, exitCode } = fateOf(pod, this.#chance);
    const sandbox: Sandbox = {
      uid: pod.metadata.uid ?? '',
      key: keyOf(pod),
      ip,
      startedMs,
      readyMs: startedMs + readyAfterMs,
      sickMs: sickAfterMs === undefined ? undefined : startedMs + readyAfterMs + sickAfterMs,
      endsMs: endsAfterMs === undefined ? undefined : startedMs + endsAfterMs,
      exitCode,
      restarts: 0,
    };
    if (this.#pods.get(keyOf(pod))?.metadata.uid !== sandbox.uid) return 0;
    sandboxes.put(sandbox);
    return 0;
  }

  async #ended(pod: Pod, sandbox: Sandbox): Promise<number | undefined> {
    const { sandboxes, process } = this.#deps;
    if (sandbox.exitCode !== 0 && pod.spec.restartPolicy === 'OnFailure') {
      const nowMs = process.clock.monotonicMs();
      const exitCode = this.#chance.strikes(failureShare) ? 1 : 0;
      const endsMs = nowMs + this.#chance.between(1_000, runMsMax);
      sandboxes.put({ ...sandbox, endsMs, exitCode, restarts: sandbox.restarts + 1 });
      return 0;
    }
    await this.#report(pod, sandbox, { exitCode: sandbox.exitCode });
    return undefined;
  }

  /** Ends the containers, says so, and lets the object go. */
  async #stop(pod: Pod, sandbox: Sandbox | undefined): Promise<undefined> {
    const { sandboxes, process } = this.#deps;
    if (sandbox) {
      await process.clock.sleep(this.#chance.between(1, 2_000), this.#signal);
      if (!isTerminal(pod)) await this.#report(pod, sandbox, { exitCode: sandbox.endsMs === undefined ? 0 : 137 });
      sandboxes.remove(sandbox.uid);
    }
    const { namespace, name = '', uid } = pod.metadata;
    await this.#client
      .delete(kinds.pods, { namespace, name }, { signal: this.#signal, uid, gracePeriodSeconds: 0 })
      .catch((error: unknown) => {
        if (!isStatus(error, 'NotFound', 'Conflict')) throw error;
      });
    return undefined;
  }

  async #report(pod: Pod, sandbox: Sandbox, ended: { readonly exitCode: number } | undefined): Promise<void> {
    const { clock } = this.#deps.process;
    const now = { monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() };
    const status = statusFrom(pod, sandbox, ended, now);
    if (showsStatus(pod, status)) return;
    const { namespace, name = '', uid } = pod.metadata;
    // The list merges by address: a pod whose sandbox was made anew would keep the old one.
    const podIPs = [...(status.podIPs ?? []), { $patch: 'replace' }];
    const patch = { metadata: { uid }, status: { ...status, podIPs } };
    await this.#client.patch(kinds.pods, { namespace, name }, patch, {
      signal: this.#signal,
      type: 'strategic',
      subresource: 'status',
    });
  }
}

function nodeNamed(name: string, labels: Readonly<Record<string, string>>, nowMs: number): Node {
  const size = { cpu: '8', memory: '16Gi', pods: '110' };
  const time = formatTime(nowMs);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { ...labels, 'kubernetes.io/hostname': name } },
    spec: {},
    status: {
      capacity: size,
      allocatable: size,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: '',
          lastHeartbeatTime: time,
          lastTransitionTime: time,
        },
      ],
    },
  };
}
