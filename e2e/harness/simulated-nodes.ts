import { type Cluster, slipwayBin } from './cluster.ts';
import { RunningProgram } from './running-program.ts';

/** `slipway simulate-nodes` beside a cluster. */
export class SimulatedNodesProcess {
  readonly #cluster: Cluster;
  readonly #flags: readonly string[];
  #program: RunningProgram | undefined;

  constructor(cluster: Cluster, flags: readonly string[]) {
    this.#cluster = cluster;
    this.#flags = flags;
  }

  /** Everything the process has logged so far. */
  get log(): string {
    return this.#program?.errors ?? '';
  }

  /** Starts it and waits until its nodes are registered. */
  async start(): Promise<void> {
    this.#program = new RunningProgram(slipwayBin, [
      ...['simulate-nodes', '--data-dir', this.#cluster.dataDir],
      ...this.#flags,
    ]);
    await this.#program.says(/^ready/m);
  }

  /** Answers the exit code; null when the signal killed it or it never ran. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    return (await this.#program?.end(signal)) ?? null;
  }
}
