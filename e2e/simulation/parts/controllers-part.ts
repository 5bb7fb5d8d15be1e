import type { ApiResource } from '@slipway/api/resources';
import type { Transport } from '@slipway/api/transport';
import { type LeaseTimes, runAsLeader } from '@slipway/client/leader-election';
import { createControllerManager } from '@slipway/controllers';
import { messageOf } from '@slipway/kit/errors';
import { silentLogger } from '@slipway/kit/logger';
import type { EventLog } from '../event-log.ts';
import type { Network } from '../network.ts';
import type { SimulatedProcess } from '../process.ts';
import { simulatedPki } from './keys.ts';

export interface ControllersPartDeps {
  readonly network: Network;
  readonly log: EventLog;
  readonly newProcess: (name: string) => SimulatedProcess;
  readonly resources: readonly ApiResource[];
  /** Does something in a while, whoever lives then. */
  readonly later: (ms: number, fire: () => void) => void;
  /** Stands between the controllers and the network, to plant a bug there. */
  readonly through: (transport: Transport, account: string) => Transport;
}

export interface ControllersPartOptions {
  readonly name: string;
  /** As of `--controllers`. */
  readonly controllers: readonly string[];
  /** The Lease that says who of several leads; the user that reads and keeps it is called `system:LEASE`. */
  readonly lease: string;
}

/** Five times those of production: renewals would be the greater part of all that a seed does. */
const leaseTimes: LeaseTimes = { leaseDurationMs: 10_000, renewDeadlineMs: 7_500, retryPeriodMs: 2_000 };

/** The real controllers, or the real scheduler, as a process of its own that competes for the lead. */
export class ControllersPart {
  readonly #deps: ControllersPartDeps;
  readonly #options: ControllersPartOptions;
  #process: SimulatedProcess | undefined;
  #isLeading = false;

  constructor(deps: ControllersPartDeps, options: ControllersPartOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  get #user() {
    return { name: `system:${this.#options.lease}`, groups: [] };
  }

  get name(): string {
    return this.#options.name;
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** With `elected: false` it does its work without asking who leads: what the lease is there to prevent. */
  start({ elected = true }: { readonly elected?: boolean } = {}): void {
    if (this.#process) return;
    const process = this.#deps.newProcess(this.name);
    this.#process = process;
    const running = elected ? this.#runElected(process) : this.#lead(process, process.signal);
    running.catch((error: unknown) => {
      if (!process.isAlive) return;
      this.#deps.log.write(this.name, `ended: ${messageOf(error)}`);
      this.crash();
      // As whoever supervises a process does.
      this.#deps.later(1_000, () => this.start());
    });
  }

  crash(): void {
    if (!this.#process) return;
    this.#deps.log.write(this.name, 'crashes');
    this.#process.kill();
    this.#process = undefined;
    this.#isLeading = false;
  }

  #runElected(process: SimulatedProcess): Promise<void> {
    const { clock, random, name } = process;
    const transport = this.#deps.network.connect(process, this.#user);
    return runAsLeader(
      {
        transport,
        clock,
        random,
        log: silentLogger,
        namespace: 'kube-system',
        name: this.#options.lease,
        identity: name,
        times: leaseTimes,
      },
      (signal) => this.#lead(process, signal),
      process.signal,
    );
  }

  async #lead(process: SimulatedProcess, signal: AbortSignal): Promise<void> {
    const { network, resources, through, log } = this.#deps;
    const { clock, random } = process;
    log.write(this.name, 'leads');
    this.#isLeading = true;
    try {
      const manager = createControllerManager({
        transport: through(network.connect(process, this.#user), this.#user.name),
        transportAs: (account) => through(network.connect(process, userOf(account)), account),
        clock,
        random,
        log: silentLogger,
        config: {
          resources,
          caPem: simulatedPki.caCertificate,
          clusterCidr: '10.64.0.0/16',
          controllers: this.#options.controllers,
        },
      });
      await manager.run(signal);
    } finally {
      if (process.isAlive) this.#isLeading = false;
    }
  }
}

function userOf(account: string) {
  if (account.startsWith('system:')) return { name: account, groups: [] };
  const groups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system'];
  return { name: `system:serviceaccount:kube-system:${account}`, groups };
}
