/**
 * A real cluster for a scenario: the `slipway` command as a user starts it, on a data directory, ports and address
 * ranges of its own, so that scenarios may run beside a user's cluster and beside each other.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../tidy/sources.ts';
import { kubectlVersions, type Ran, type RunOptions, run } from './kubectl.ts';
import { RunningProgram } from './running-program.ts';

export const slipwayBin = join(repositoryRoot, 'node_modules/.bin/slipway');

export interface ClusterOptions {
  readonly agent?: boolean;
  readonly flags?: readonly string[];
  readonly dataDir?: string;
}

export class Cluster {
  readonly dataDir: string;
  readonly #flags: readonly string[];
  #process: RunningProgram | undefined;
  /** What the runs before the present one have logged. */
  #logBefore = '';

  constructor(dataDir: string, flags: readonly string[]) {
    this.dataDir = dataDir;
    this.#flags = flags;
  }

  get kubeconfig(): string {
    return join(this.dataDir, 'admin.kubeconfig');
  }

  get pid(): number {
    if (!this.#process) throw new Error('the cluster is not running');
    return this.#process.pid;
  }

  /** Everything the process has logged so far. */
  get log(): string {
    return this.#logBefore + (this.#process?.errors ?? '');
  }

  /** Starts `slipway up` and waits for its `ready`. Answers the milliseconds that took. */
  async up(): Promise<number> {
    const startedMs = performance.now();
    this.#logBefore = this.log;
    this.#process = new RunningProgram(slipwayBin, ['up', ...this.#flags]);
    await this.#process.says(/^ready/m);
    return performance.now() - startedMs;
  }

  /** Sends the signal and waits for the end; answers the exit code (null when the signal killed it). */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    return (await this.#process?.end(signal)) ?? null;
  }

  slipway(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return run(slipwayBin, [...args, '--data-dir', this.dataDir], options);
  }

  kubectlWith(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return run(program, args, { ...options, env: { ...options.env, KUBECONFIG: this.kubeconfig, HOME: this.dataDir } });
  }

  /** Runs the newest kubectl; throws with what it printed when it fails. Answers standard output. */
  async kubectl(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const ran = await this.kubectlWith(kubectlVersions().at(-1) ?? 'kubectl', args, options);
    if (ran.code !== 0)
      throw new Error(`kubectl ${args.join(' ')}: exit code ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
    return ran.stdout;
  }

  /** Stops everything and removes the data directory. */
  async remove(): Promise<void> {
    await this.end('SIGTERM');
    await this.slipway(['down', '--purge']);
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

let nextRange = 0;

/** A cluster with free ports and ranges that no other cluster of this process uses; not started yet. */
export async function newCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'slipway-e2e-')));
  const range = (process.pid + nextRange++) % 100;
  return new Cluster(dataDir, [
    ...['--data-dir', dataDir, '--secure-port', '0', '--agent-port', '0'],
    ...[
      '--cluster-cidr',
      `10.${100 + range}.0.0/16`,
      '--service-cluster-ip-range',
      `172.${16 + (range % 16)}.${range}.0/24`,
    ],
    ...(options.agent === false ? ['--no-agent'] : []),
    ...(options.flags ?? []),
  ]);
}
