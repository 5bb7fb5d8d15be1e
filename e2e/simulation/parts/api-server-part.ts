import type { ApiResource } from '@slipway/api/resources';
import {
  type ApiServer,
  apiServerConfig,
  type Backend,
  createApiServer,
  type OwnKinds,
  type UserInfo,
} from '@slipway/apiserver';
import type { ModelledDisk } from '@slipway/apiserver/testing';
import type { Transport } from '@slipway/api/transport';
import { messageOf } from '@slipway/kit/errors';
import { silentLogger } from '@slipway/kit/logger';
import type { EventLog } from '../event-log.ts';
import { type Network, ServerEnd } from '../network.ts';
import type { SimulatedProcess } from '../process.ts';
import { simulatedPki } from './keys.ts';

export interface ApiServerPartDeps {
  readonly disk: ModelledDisk;
  readonly network: Network;
  readonly log: EventLog;
  readonly newProcess: (name: string) => SimulatedProcess;
  /** Stands between the network and the server, to plant a bug there. */
  readonly through: (transport: Transport) => Transport;
  readonly ownKinds: OwnKinds | undefined;
}

const config = apiServerConfig({ dataDir: '/simulated', securePort: 6443 });

/** The real API server on the modelled disk, without a listener: the network is its only door. */
export class ApiServerPart {
  readonly #deps: ApiServerPartDeps;
  #running:
    | { readonly process: SimulatedProcess; readonly backend: Backend; server?: ApiServer; end?: ServerEnd }
    | undefined;

  constructor(deps: ApiServerPartDeps) {
    this.#deps = deps;
  }

  get isServing(): boolean {
    return this.#running?.end !== undefined;
  }

  get process(): SimulatedProcess | undefined {
    return this.#running?.process;
  }

  get resources(): readonly ApiResource[] {
    return this.#running?.server?.resources ?? [];
  }

  /** Past all faults, for those who look from outside. */
  transport(user: UserInfo): Transport | undefined {
    return this.isServing ? this.#running?.server?.transport(user) : undefined;
  }

  /** Begins to start; it serves some time later. */
  start(): void {
    if (this.#running) return;
    const process = this.#deps.newProcess('apiserver');
    const backend = this.#deps.disk.open(process.clock);
    this.#running = { process, backend };
    this.#serve(process, backend).catch((error: unknown) => {
      if (!process.isAlive) return;
      this.#deps.log.write('apiserver', `ended: ${messageOf(error)}`);
      this.crash();
    });
  }

  async #serve(process: SimulatedProcess, backend: Backend): Promise<void> {
    const { network, log, through, ownKinds } = this.#deps;
    const { clock, random } = process;
    const server = await createApiServer(config, {
      backend,
      clock,
      random,
      log: silentLogger,
      pki: simulatedPki,
      hostName: 'simulated',
      ...(ownKinds ? { ownKinds } : {}),
      front: () => ({
        listen: () => Promise.resolve({ address: '127.0.0.1', family: 'IPv4', port: config.securePort }),
        useCertificate: () => {},
        close: () => Promise.resolve(),
      }),
    });
    const serving = server.run(new AbortController().signal);
    await Promise.race([server.ready, serving]);
    if (!process.isAlive) return;
    const end = new ServerEnd((user) => through(server.transport(user)));
    this.#running = { process, backend, server, end };
    network.server = end;
    log.write('apiserver', 'serves');
    await serving;
  }

  /** Forgets the history up to now, which it would have kept for minutes. */
  compact(): void {
    const { backend, process } = this.#running ?? {};
    if (!backend || !process || !this.isServing) return;
    const { signal } = process;
    this.#deps.log.write('apiserver', 'compacts');
    const compacting = backend.get('/registry/', { signal }).then(({ revision }) => backend.compact(revision, signal));
    compacting.catch((error: unknown) => this.#deps.log.write('apiserver', `compaction failed: ${messageOf(error)}`));
  }

  /** Killed from one moment to the next. What was not on the disk is gone. */
  crash(): void {
    const running = this.#running;
    if (!running) return;
    const { disk, network, log } = this.#deps;
    log.write('apiserver', 'crashes');
    this.#running = undefined;
    network.server = undefined;
    running.process.kill();
    disk.crash(running.process.random);
    running.end?.die();
  }
}
