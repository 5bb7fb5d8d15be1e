import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { slipwayBin } from '../cluster.ts';
import { type Ran, type RunOptions, run } from '../kubectl.ts';
import { type Lan, type LanPort, lanAddress, lanInterface } from './lan.ts';
import type { InsideProcess, NamespacedMachine } from './namespaced-machine.ts';

export interface NodeParts {
  readonly machine: NamespacedMachine;
  readonly lan: Lan;
  readonly port: LanPort;
  readonly dataDir: string;
  readonly kubeconfig: string;
  readonly flags: readonly string[];
}

/** A machine on the LAN with a node agent, which may be ended and started again. */
export class ClusterNode {
  readonly name: string;
  readonly machine: NamespacedMachine;
  readonly dataDir: string;
  /** Its own, which changes with `changeAddress`. */
  address: string;
  readonly #parts: NodeParts;
  #agent: InsideProcess | undefined;

  constructor(parts: NodeParts) {
    this.name = parts.machine.name;
    this.machine = parts.machine;
    this.dataDir = parts.dataDir;
    this.address = parts.port.address;
    this.#parts = parts;
  }

  /** What the agent that runs now, or ran last, has said. */
  get log(): string {
    return this.#agent?.said ?? '';
  }

  /** Starts `slipway agent` and waits until the node is Ready. */
  async startAgent(...moreFlags: readonly string[]): Promise<void> {
    const { kubeconfig, flags } = this.#parts;
    await mkdir(this.dataDir, { recursive: true });
    const own = ['--data-dir', this.dataDir, '--kubeconfig', kubeconfig, '--node-name', this.name];
    const agent = this.machine.start(slipwayBin, ['agent', ...own, ...flags, ...moreFlags]);
    this.#agent = agent;
    await agent.says(/^ready/m);
  }

  /** Containers, interfaces and rules stay. */
  async endAgent(signal: NodeJS.Signals): Promise<number | null> {
    return (await this.#agent?.end(signal)) ?? null;
  }

  /** The `slipway` command on this node and its data directory. */
  slipway(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    return this.machine.run(slipwayBin, [...args, '--data-dir', this.dataDir], options);
  }

  /** As when the cable is pulled: nobody says anything to the node. */
  unplug(): Promise<void> {
    return this.#parts.lan.setPlugged(this.#parts.port, false);
  }

  plugIn(): Promise<void> {
    return this.#parts.lan.setPlugged(this.#parts.port, true);
  }

  /** Gives the machine another address in its segment instead of the one that it has. */
  async changeAddress(host: number): Promise<void> {
    const { segment } = this.#parts.port;
    const address = lanAddress(segment, host);
    await this.machine.ip(
      `address del ${this.address}/24 dev ${lanInterface}`, // it would take younger ones of its subnet along
      `address add ${address}/24 dev ${lanInterface}`,
      `route replace default via ${lanAddress(segment, 1)}`,
    );
    this.address = address;
  }

  /** Ends the agent and everything on the machine, with the machine. */
  async remove(): Promise<void> {
    await this.machine.remove();
    await this.#agent?.ended;
    await removeCgroups(await readdir(join(this.dataDir, 'pods')).catch(() => []));
  }
}

/** Cgroups are the one thing that the namespaces do not take along. Others may be going away at the same time. */
async function removeCgroups(podUids: readonly string[]): Promise<void> {
  if (podUids.length === 0) return;
  const ours = podUids.flatMap((uid) => ['-o', '-path', `*/pod${uid}*`]).slice(1);
  await run('find', ['/sys/fs/cgroup', '-depth', '-type', 'd', '(', ...ours, ')', '-exec', 'rmdir', '{}', ';']);
}
