/** The simulated cluster: every process that there is, on one clock. */
import type { ApiResource } from '@slipway/api/resources';
import type { Transport } from '@slipway/api/transport';
import type { OwnKinds } from '@slipway/apiserver';
import { ModelledDisk, perfectDisk, type TableState } from '@slipway/apiserver/testing';
import { Client } from '@slipway/client/client';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { Acknowledged } from './acknowledged.ts';
import { Chance, processRandom } from './chance.ts';
import { EventLog } from './event-log.ts';
import { Ledger } from './ledger.ts';
import { Network } from './network.ts';
import { ApiServerPart } from './parts/api-server-part.ts';
import { ControllersPart } from './parts/controllers-part.ts';
import type { SandboxListener } from './parts/sandboxes.ts';
import { ScriptedNode } from './parts/scripted-node.ts';
import { SimulatedProcess } from './process.ts';

/** Where a seed begins: a cluster that has been up for a while. The same for all seeds. */
export interface Beginning {
  readonly image: TableState;
  readonly resources: readonly ApiResource[];
  readonly atMs: number;
  /** Kinds that the server brings along. */
  readonly ownKinds: OwnKinds | undefined;
  /** Of each node, beside that of its name. */
  readonly nodeLabels: NodeLabels;
}

export type NodeLabels = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What a test may put wrong on purpose. */
export interface Planted {
  /** The disk says that a write is on it before it is. */
  readonly diskLies?: boolean;
  /** Stands between the controllers of an account and the network. A new one for each start of a process. */
  readonly controllersThrough?: (transport: Transport, account: string) => Transport;
  /** Stands between the network and the API server. */
  readonly serverThrough?: (transport: Transport) => Transport;
}

export interface WorldOptions {
  readonly seed: number;
  readonly beginning: Beginning | undefined;
  /** Where there is no beginning yet. */
  readonly ownKinds?: OwnKinds | undefined;
  /** Processes are numbered from here on: what made the beginning is not met again. */
  readonly firstProcess?: number;
  readonly planted?: Planted;
  readonly sink?: (line: string) => void;
  readonly sandboxListener?: SandboxListener;
}

const staleMsMax = 120_000;
const staleMsCalm = 1_000;

export const admin = { name: 'kubernetes-admin', groups: ['system:masters'] };
export const nodeNames = ['n1', 'n2', 'n3'];

export class World {
  readonly clock: VirtualClock;
  readonly chance: Chance;
  readonly log: EventLog;
  readonly disk: ModelledDisk;
  readonly ledger = new Ledger();
  readonly acknowledged = new Acknowledged();
  readonly network: Network;
  readonly apiServer: ApiServerPart;
  readonly managers: readonly ControllersPart[];
  readonly schedulers: readonly ControllersPart[];
  readonly nodes: readonly ScriptedNode[];
  /** The slowest that a write takes to be on the disk. */
  syncMsMax = 0;
  readonly #seed: number;
  readonly #firstProcess: number;
  #processes = 0;
  #hadTwoLeaders = false;
  #hadClockJumps = false;
  #lastFaultMs = Number.NEGATIVE_INFINITY;

  constructor({
    seed,
    beginning,
    ownKinds = beginning?.ownKinds,
    firstProcess = 0,
    planted = {},
    sink,
    sandboxListener = { started: () => {} },
  }: WorldOptions) {
    this.#seed = seed;
    this.#firstProcess = firstProcess;
    this.clock = new VirtualClock(beginning?.atMs);
    this.chance = new Chance(processRandom(seed, 0));
    this.log = new EventLog(this.clock, sink);
    const syncMs = () => (this.syncMsMax === 0 ? 0 : this.chance.between(0, this.syncMsMax));
    const lies = () => planted.diskLies === true && this.chance.strikes(0.3);
    this.disk = new ModelledDisk(beginning ? { syncMs, lies } : perfectDisk, beginning?.image);
    this.ledger.follow(this.disk);
    const { clock, chance, log, acknowledged } = this;
    this.network = new Network({ clock, chance, log, acknowledged });
    const { network } = this;
    const newProcess = (name: string) => this.newProcess(name);
    this.apiServer = new ApiServerPart({
      disk: this.disk,
      network,
      log,
      newProcess,
      through: planted.serverThrough ?? unchanged,
      ownKinds,
    });
    const deps = {
      network,
      log,
      newProcess,
      resources: beginning?.resources ?? [],
      later: (ms: number, fire: () => void) => void clock.after(ms, fire),
      through: planted.controllersThrough ?? unchanged,
    };
    const part = (name: string, controllers: string[], lease: string) =>
      new ControllersPart(deps, { name, controllers, lease });
    this.managers = ['a', 'b'].map((id) => part(`controllers-${id}`, ['*', '-scheduler'], 'kube-controller-manager'));
    this.schedulers = [part('scheduler', ['scheduler'], 'kube-scheduler')];
    this.nodes = nodeNames.map((name) => {
      const labels = beginning?.nodeLabels[name] ?? {};
      return new ScriptedNode(name, { network, newProcess, listener: sandboxListener, labels });
    });
  }

  newProcess(name: string): SimulatedProcess {
    return new SimulatedProcess(name, this.clock, processRandom(this.#seed, this.#firstProcess + ++this.#processes));
  }

  startAll(): void {
    this.apiServer.start();
    for (const part of [...this.managers, ...this.schedulers, ...this.nodes]) part.start();
  }

  /** Two controllers have worked at once, against what the lease promises. */
  get hadTwoLeaders(): boolean {
    return this.#hadTwoLeaders;
  }

  /** A wall clock has been off. */
  get hadClockJumps(): boolean {
    return this.#hadClockJumps;
  }

  clockJumpSeen(): void {
    this.#hadClockJumps = true;
  }

  /** Something goes wrong now, and will for a while. */
  faultSeen(): void {
    this.#lastFaultMs = this.clock.monotonicMs();
  }

  /** How old what a process acts on can be: a watch that was partitioned and the pause before it tries again, or a watch that all is well with. */
  get staleMs(): number {
    return this.clock.monotonicMs() - this.#lastFaultMs <= staleMsMax ? staleMsMax : staleMsCalm;
  }

  twoLeadersSeen(): void {
    this.#hadTwoLeaders = true;
  }

  /** Past all faults; undefined while the API server is down. */
  directClient(): Client | undefined {
    const transport = this.apiServer.transport(admin);
    return transport && new Client(transport);
  }
}

function unchanged(transport: Transport): Transport {
  return transport;
}
