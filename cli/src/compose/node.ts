/** The node agent of this machine: network, images, runtime, pods. */
import { findProgram } from '../find-program.ts';
import type { Config } from '../config.ts';
import type { Part } from './control-plane.ts';

/** Why this machine, or this user, cannot run an agent. `unprivileged` is no fault: the control plane runs without. */
export type AgentObstacle = { readonly kind: 'unprivileged' | 'missing'; readonly message: string };

const programs: readonly { readonly name: string; readonly package: string }[] = [
  { name: 'ip', package: 'iproute2' },
  { name: 'nft', package: 'nftables' },
  { name: 'conmon', package: 'conmon' },
];

export async function agentObstacle(config: Config): Promise<AgentObstacle | undefined> {
  if (process.getuid?.() !== 0) {
    return {
      kind: 'unprivileged',
      message: 'containers need root: run as root for a node, or use --no-agent to silence this',
    };
  }
  const missing: string[] = [];
  for (const program of programs) if (!(await findProgram(program.name))) missing.push(program.package);
  const runtimes = config.runtimePath ? [config.runtimePath] : ['crun', 'runc'];
  const found = await Promise.all(runtimes.map((name) => findProgram(name)));
  if (!found.some((path) => path !== undefined)) {
    if (config.runtimePath) return { kind: 'missing', message: `--runtime ${config.runtimePath} does not exist` };
    missing.push('crun');
  }
  if (missing.length === 0) return undefined;
  return {
    kind: 'missing',
    message: `programs are missing; install them with: apt-get install -y ${missing.join(' ')}`,
  };
}

export async function composeAgent(..._: unknown[]): Promise<Part> {
  throw new Error('agent not composed yet');
}
