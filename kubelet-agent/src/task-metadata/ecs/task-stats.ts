import { readFile } from 'node:fs/promises';
import type { CgroupLayout } from '../../cgroups/cgroup-layout.ts';
import { readCounters } from '../../cgroups/cgroup-counters.ts';
import type { Clock } from '@slipway/kit/clock';
import { dockerName } from './container-document.ts';
import type { ObservedContainer, ObservedTask } from './observed-task.ts';
import { parseInterfaces, type StatsSample, statsDocument } from './stats-document.ts';

/** Rates over less say nothing: then the two samples shown stay further apart. */
const spanMsMin = 1_000;
/** More than a node has containers: what is over belongs to some that are gone. */
const samplesMax = 1_000;
const nanosecondsPerTick = 10_000_000;

export interface TaskStatsDeps {
  readonly cgroups: CgroupLayout;
  readonly clock: Clock;
  readonly machine: { readonly cores: number; readonly memoryBytes: number };
}

interface Samples {
  readonly last: StatsSample;
  /** The one that `last` was shown with. */
  readonly before: StatsSample | undefined;
}

/**
 * Statistics of containers, measured when somebody asks. Docker measures each container once a second; here nobody pays for those
 * who never ask, and the earlier sample of an answer is that of the question before.
 */
export class TaskStats {
  readonly #deps: TaskStatsDeps;
  readonly #samples = new Map<string, Samples>();

  constructor(deps: TaskStatsDeps) {
    this.#deps = deps;
  }

  /** By Docker's ID; null for a container that does not run. */
  async ofTask(task: ObservedTask, isOwnNetwork: boolean): Promise<Readonly<Record<string, object | null>>> {
    const entries = task.containers.map(async (container) => {
      const stats = await this.ofContainer(task, container, isOwnNetwork);
      return [container.runtime.id, stats ?? null] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Undefined when it does not run. */
  async ofContainer(
    task: ObservedTask,
    container: ObservedContainer,
    isOwnNetwork: boolean,
  ): Promise<object | undefined> {
    const { id, pid } = container.runtime;
    const now = pid > 0 ? await this.#measure(pid, isOwnNetwork) : undefined;
    if (!now) {
      this.#samples.delete(id);
      return undefined;
    }
    const known = this.#samples.get(id);
    const isNew = !known || now.atMs - known.last.atMs >= spanMsMin;
    const before = isNew ? known?.last : known.before;
    if (isNew) {
      this.#samples.delete(id);
      this.#samples.set(id, { last: now, before });
      const [oldest] = this.#samples.keys();
      if (this.#samples.size > samplesMax && oldest !== undefined) this.#samples.delete(oldest);
    }
    return statsDocument({ id, name: dockerName(task, container) }, now, before);
  }

  async #measure(pid: number, isOwnNetwork: boolean): Promise<StatsSample | undefined> {
    const { cgroups, clock, machine } = this.#deps;
    const [counters, machineText, interfaces] = await Promise.all([
      readCounters(cgroups, pid),
      readFile('/proc/stat', 'utf8'),
      isOwnNetwork ? readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => undefined) : undefined,
    ]);
    if (!counters) return undefined;
    return {
      atMs: clock.nowMs(),
      counters,
      machineCpuNs: machineCpuNs(machineText),
      cores: machine.cores,
      memoryCapacityBytes: machine.memoryBytes,
      interfaces: interfaces === undefined ? undefined : parseInterfaces(interfaces),
    };
  }
}

/** Of the first line of /proc/stat the first seven: user to softirq, idle time too. */
export function machineCpuNs(text: string): number {
  const ticks = (text.split('\n', 1)[0] ?? '').trim().split(/\s+/).slice(1, 8);
  return ticks.reduce((sum, each) => sum + Number(each), 0) * nanosecondsPerTick;
}
