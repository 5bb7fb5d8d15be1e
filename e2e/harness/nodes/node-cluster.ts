/**
 * A cluster of several nodes on this machine: a control plane and N nodes, each a machine of its own in namespaces, on one LAN.
 * Agents join by bootstrap token, so each has the rights of its node and no more. Containers are real.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadKubeconfig, writeKubeconfig } from '@slipway/client/kubeconfig';
import { repositoryRoot } from '../../tidy/sources.ts';
import { slipwayBin } from '../cluster.ts';
import { kubectlVersions, type Ran, type RunOptions, run } from '../kubectl.ts';
import { Lan, type LanPort } from './lan.ts';
import { type InsideProcess, NamespacedMachine } from './namespaced-machine.ts';
import { ClusterNode } from './node.ts';

const token = { id: 'abcdef', secret: '0123456789abcdef' } as const;

export const clusterRanges = { pods: '10.64.0.0/16', services: '10.96.0.0/16' } as const;

export interface NodeClusterOptions {
  /** A number, or the segment of the LAN per node; `[0, 0, 1]` puts the third behind a router. */
  readonly nodes: number | readonly number[];
  /** Further flags of `slipway up --no-agent` and of each `slipway agent`. */
  readonly controlFlags?: readonly string[];
  readonly agentFlags?: readonly string[];
  /** Of the LAN. */
  readonly mtu?: number;
}

interface Parts {
  readonly directory: string;
  readonly lan: Lan;
  readonly control: NamespacedMachine;
  readonly controlPort: LanPort;
}

export class NodeCluster {
  readonly lan: Lan;
  /** The machine of the API server, the controllers and the scheduler. */
  readonly control: NamespacedMachine;
  readonly controlAddress: string;
  readonly nodes: ClusterNode[] = [];
  readonly dataDir: string;
  readonly #directory: string;
  readonly #options: NodeClusterOptions;
  #process: InsideProcess | undefined;

  private constructor({ directory, lan, control, controlPort }: Parts, options: NodeClusterOptions) {
    this.#directory = directory;
    this.#options = options;
    this.lan = lan;
    this.control = control;
    this.controlAddress = controlPort.address;
    this.dataDir = join(directory, 'control');
  }

  /** All nodes are Ready. When something fails on the way, what was made is removed. */
  static async start(options: NodeClusterOptions): Promise<NodeCluster> {
    const segments = typeof options.nodes === 'number' ? Array(options.nodes).fill(0) : options.nodes;
    const directory = await mkdtemp(join(tmpdir(), 'slipway-nodes-'));
    const made: NamespacedMachine[] = [];
    try {
      const machine = async (name: string) => {
        const started = await NamespacedMachine.start({
          name,
          scratch: join(directory, `scratch-${name}`),
          nameserver: '192.168.100.1',
        });
        made.push(started);
        return started;
      };
      const [router, control, ...machines] = await Promise.all(
        ['lan', 'control', ...segments.map((_, i) => `node-${i + 1}`)].map(machine),
      );
      if (!router || !control) throw new Error('unreachable: two machines were asked for');
      const lan = new Lan(router, options.mtu ?? 1500);
      for (let segment = 0; segment <= Math.max(0, ...segments); segment++) await lan.addSegment();
      const cluster = new NodeCluster({ directory, lan, control, controlPort: await lan.plugIn(control, 0) }, options);
      for (const [i, each] of machines.entries()) {
        cluster.nodes.push(await cluster.#node(each, segments[i] ?? 0));
      }
      await cluster.#up();
      await Promise.all(cluster.nodes.map((node) => node.startAgent()));
      return cluster;
    } catch (error) {
      await Promise.all(made.map((each) => each.remove()));
      await removeDirectory(directory);
      throw error;
    }
  }

  get kubeconfig(): string {
    return join(this.dataDir, 'admin.kubeconfig');
  }

  /** What the control plane has logged. */
  get log(): string {
    return this.#process?.said ?? '';
  }

  node(index: number): ClusterNode {
    const node = this.nodes[index];
    if (!node) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** Runs a kubectl at the control plane, whatever its exit code. */
  kubectlWith(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const env = { ...options.env, KUBECONFIG: this.kubeconfig, HOME: this.#directory };
    return this.control.run(program, args, { ...options, env });
  }

  /** Runs the newest kubectl; throws with what it printed when it fails. Answers standard output. */
  async kubectl(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const ran = await this.kubectlWith(kubectlVersions().at(-1) ?? 'kubectl', args, options);
    if (ran.code === 0) return ran.stdout;
    throw new Error(`kubectl ${args.join(' ')}: exit code ${ran.code}\n${ran.stderr}\n${ran.stdout}`);
  }

  /** `kubectl apply` of a document, or of several in YAML or JSON. */
  apply(document: string | object): Promise<string> {
    const input = typeof document === 'string' ? document : JSON.stringify(document);
    return this.kubectl(['apply', '-f', '-'], { input });
  }

  /** The parsed answer of `kubectl get ... -o json`. */
  async get<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...args, '-o', 'json'])) as T;
  }

  /** Builds the examples' image under the name and loads it into all nodes. */
  async loadExampleImage(name: string): Promise<void> {
    const file = join(this.#directory, `${name.replaceAll(/\W/g, '-')}.tar`);
    const built = await run(join(repositoryRoot, 'examples/images/build.sh'), [name, file]);
    if (built.code !== 0) throw new Error(built.stderr);
    await Promise.all(
      this.nodes.map(async (node) => {
        const loaded = await node.slipway(['image', 'load', file]);
        if (loaded.code !== 0) throw new Error(`slipway image load on ${node.name}: ${loaded.stderr}`);
      }),
    );
  }

  /** Ends the control plane; nodes live on. */
  async endControl(signal: NodeJS.Signals): Promise<number | null> {
    return (await this.#process?.end(signal)) ?? null;
  }

  /** Starts the control plane again where it was. */
  startControl(): Promise<void> {
    return this.#up();
  }

  /** Ends everything and removes it. Works at any point. */
  async remove(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
    await this.control.remove();
    await this.lan.router.remove();
    await removeDirectory(this.#directory);
  }

  async #node(machine: NamespacedMachine, segment: number): Promise<ClusterNode> {
    return new ClusterNode({
      machine,
      lan: this.lan,
      port: await this.lan.plugIn(machine, segment),
      dataDir: join(this.#directory, machine.name),
      kubeconfig: join(this.#directory, 'joining.kubeconfig'),
      flags: [...rangeFlags, ...(this.#options.agentFlags ?? [])],
    });
  }

  async #up(): Promise<void> {
    await mkdir(this.dataDir, { recursive: true });
    const flags = ['--data-dir', this.dataDir, '--bind-address', this.controlAddress, '--no-agent', ...rangeFlags];
    const started = this.control.start(slipwayBin, ['up', ...flags, ...(this.#options.controlFlags ?? [])]);
    this.#process = started;
    await started.says(/^ready/m);
    await this.#letNodesJoin();
  }

  async #letNodesJoin(): Promise<void> {
    await this.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'bootstrap.kubernetes.io/token',
      metadata: { name: `bootstrap-token-${token.id}`, namespace: 'kube-system' },
      stringData: { 'token-id': token.id, 'token-secret': token.secret, 'usage-bootstrap-authentication': 'true' },
    });
    const { server, ca } = await loadKubeconfig(this.kubeconfig);
    const joining = { server, ca, token: `${token.id}.${token.secret}` };
    await writeKubeconfig(join(this.#directory, 'joining.kubeconfig'), joining, { cluster: 'test', user: 'joining' });
  }
}

const rangeFlags = ['--cluster-cidr', clusterRanges.pods, '--service-cluster-ip-range', clusterRanges.services];

/** Files of a container that was killed a moment ago may still be there when the folder is read. */
async function removeDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}
