/** `slipway apiserver` and `slipway controllers` as processes that a test may kill and start again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { slipwayBin } from '../harness/cluster.ts';

const startTimeoutMs = 60_000;

export class RoleProcess {
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #errors = '';
  #output = '';

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  get log(): string {
    return this.#errors;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts; `ready` resolves when a line on standard output begins so. */
  async start(until: 'started' | 'ready' = 'ready'): Promise<void> {
    const child = spawn(slipwayBin, [...this.#args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#output = '';
    child.stderr.on('data', (chunk) => {
      this.#errors = (this.#errors + chunk).slice(-20_000);
    });
    child.stdout.on('data', (chunk) => {
      this.#output += chunk;
    });
    if (until === 'ready') await this.ready();
  }

  ready(): Promise<void> {
    return this.says(/^ready/m);
  }

  /** Resolves when standard output since the start has it. */
  async says(what: RegExp): Promise<void> {
    const untilMs = performance.now() + startTimeoutMs;
    while (!what.test(this.#output)) {
      if (!this.isRunning || performance.now() > untilMs) {
        throw new Error(`slipway ${this.#args[0]} did not become ready\n${this.#errors}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Sends it; waits for the end when it is one that ends. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') this.#child?.kill(signal);
    else await this.end(signal);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    const closed = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await closed;
  }
}
