import { type ChildProcess, spawn } from 'node:child_process';
import { type Cluster, slipwayBin } from './cluster.ts';

const startTimeoutMs = 60_000;

/** `slipway simulate-nodes` beside a cluster. */
export class SimulatedNodesProcess {
  readonly #cluster: Cluster;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  /** Everything the process has logged so far. */
  log = '';

  constructor(cluster: Cluster, flags: readonly string[]) {
    this.#cluster = cluster;
    this.#flags = flags;
  }

  /** Starts it and waits until its nodes are registered. */
  async start(): Promise<void> {
    const { dataDir } = this.#cluster;
    const child = spawn(slipwayBin, ['simulate-nodes', '--data-dir', dataDir, ...this.#flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    child.stderr.on('data', (chunk) => {
      this.log += chunk;
    });
    await new Promise<void>((resolve, reject) => {
      const fail = (what: string) => reject(new Error(`simulate-nodes ${what}\n${this.log.slice(-4000)}`));
      const timer = setTimeout(() => fail('was not ready in time'), startTimeoutMs);
      child.stdout.on('data', (chunk) => /^ready/m.test(String(chunk)) && resolve());
      child.once('close', (code) => fail(`ended with ${code}`));
      child.stdout.once('data', () => clearTimeout(timer));
    });
  }

  /** Answers the exit code; null when the signal killed it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const closed = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(signal);
    return await closed;
  }
}
