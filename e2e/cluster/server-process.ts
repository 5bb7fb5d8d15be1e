/** `slipway apiserver` and `slipway controllers` as processes that a test may kill and start again. */
import { slipwayBin } from '../harness/cluster.ts';
import { RunningProgram } from '../harness/running-program.ts';

export class RoleProcess {
  readonly #args: readonly string[];
  #program: RunningProgram | undefined;
  /** What the runs before the present one have logged. */
  #logBefore = '';

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  get log(): string {
    return this.#logBefore + (this.#program?.errors ?? '');
  }

  get isRunning(): boolean {
    return this.#program?.isRunning ?? false;
  }

  /** Starts; `ready` resolves when a line on standard output begins so. */
  async start(until: 'started' | 'ready' = 'ready'): Promise<void> {
    this.#logBefore = this.log;
    this.#program = new RunningProgram(slipwayBin, this.#args);
    if (until === 'ready') await this.ready();
  }

  ready(): Promise<void> {
    return this.says(/^ready/m);
  }

  /** Resolves when it has said this since its start. */
  async says(what: RegExp): Promise<void> {
    if (!this.#program) throw new Error(`slipway ${this.#args[0]} was never started`);
    await this.#program.says(what);
  }

  /** Sends it; waits for the end when it is one that ends. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') this.#program?.child.kill(signal);
    else await this.end(signal);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.#program?.end(signal);
  }
}
