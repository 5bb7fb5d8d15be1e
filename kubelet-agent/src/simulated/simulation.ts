import { Agenda } from './agenda.ts';
import { SimulatedNodes, type SimulatedNodesOptions, type SimulationDeps } from './simulated-nodes.ts';
import { SimulatedPods } from './simulated-pods.ts';
import type { Stage } from './stage.ts';

export interface SimulationOptions extends SimulatedNodesOptions {
  readonly stages: readonly Stage[];
}

export interface Simulation {
  /** Resolves when all nodes are registered and their pods are looked after. */
  readonly ready: Promise<void>;
  /** Pods that are looked after now. */
  readonly pods: number;
  /** Runs until the signal aborts. Nodes and pods stay as they are; who runs the same simulation again goes on with them. */
  run(signal: AbortSignal): Promise<void>;
}

/** Nodes without machines, against any Kubernetes API server. */
export function createSimulation(options: SimulationOptions, deps: Omit<SimulationDeps, 'agenda'>): Simulation {
  const shared = { ...deps, agenda: new Agenda(deps.clock) };
  const nodes = new SimulatedNodes(options, shared);
  const pods = new SimulatedPods({ stages: options.stages, nodes, hostIp: options.address }, shared);
  return {
    ready: nodes.registered,
    get pods() {
      return pods.size;
    },
    run: async (signal) => {
      const aborted = new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      const runPods = async () => {
        await Promise.race([nodes.registered, aborted]);
        if (!signal.aborted) await pods.run(signal);
      };
      try {
        await Promise.all([nodes.run(signal), runPods()]);
      } finally {
        shared.agenda.clear();
      }
    },
  };
}
