/**
 * What the node agent says of its own work, from its log at level debug: how long each step of each pod took, and
 * when it was done. Steps of one pod overlap: volumes, sandbox and image are made at the same time.
 */

/** Milliseconds. */
type Phase =
  | 'seen by the agent'
  | 'sandbox'
  | 'of that namespaces'
  | 'of that network'
  | 'volumes'
  | 'image'
  | 'container prepared'
  | 'process created (conmon, OCI runtime)'
  | 'process started'
  | 'Ready seen by the client';

const order: readonly Phase[] = [
  'seen by the agent',
  'sandbox',
  'of that namespaces',
  'of that network',
  'volumes',
  'image',
  'container prepared',
  'process created (conmon, OCI runtime)',
  'process started',
  'Ready seen by the client',
];

interface LogLine {
  readonly msg?: string;
  readonly time?: string;
  readonly podUid?: string;
  readonly step?: string;
  readonly ms?: number;
  readonly namespacesMs?: number;
  readonly networkMs?: number;
  readonly createMs?: number;
  readonly releaseMs?: number;
}

interface PodTimes {
  /** Wall clock, as in the log. */
  readonly createdAtMs: number;
  readyAtMs: number;
}

export class PodPhases {
  readonly #lines: LogLine[] = [];
  readonly #pods = new Map<string, PodTimes>();

  takeLogLine(line: string): void {
    if (line.startsWith('{')) this.#lines.push(JSON.parse(line) as LogLine);
  }

  created(podUid: string, createdAtMs: number): void {
    this.#pods.set(podUid, { createdAtMs, readyAtMs: Number.NaN });
  }

  ready(podUid: string, readyAtMs: number): void {
    const pod = this.#pods.get(podUid);
    if (pod) pod.readyAtMs = readyAtMs;
  }

  /** Rows of a table: the median of each phase. */
  rows(): string[] {
    const spans = new Map<Phase, number[]>(order.map((phase) => [phase, []]));
    const add = (phase: Phase, ms: number | undefined) => ms !== undefined && spans.get(phase)?.push(ms);
    for (const { msg, namespacesMs, networkMs, createMs, releaseMs } of this.#lines) {
      if (msg === 'sandbox connected') {
        add('of that namespaces', namespacesMs);
        add('of that network', networkMs);
      } else if (msg === 'container started') {
        add('process created (conmon, OCI runtime)', createMs);
        add('process started', releaseMs);
      }
    }
    for (const [uid, pod] of this.#pods) this.#addSteps(uid, pod, add);
    const prepared = spans.get('container prepared') ?? [];
    const process = median(spans.get('process created (conmon, OCI runtime)') ?? []);
    spans.set('container prepared', [median(prepared) - process - median(spans.get('process started') ?? [])]);
    return order.map((phase) => `| ... ${phase} | p50 ${median(spans.get(phase) ?? []).toFixed(1)} ms |`);
  }

  #addSteps(uid: string, { createdAtMs, readyAtMs }: PodTimes, add: (phase: Phase, ms: number) => void): void {
    const done = this.#lines.filter(({ msg, podUid }) => msg === 'step done' && podUid === uid);
    for (const { step = '', ms = 0, time = '' } of done) {
      const endMs = Date.parse(time);
      if (step === 'createSandbox') {
        add('sandbox', ms);
        add('seen by the agent', endMs - ms - createdAtMs);
      } else if (step === 'setUpVolumes') add('volumes', ms);
      else if (step.startsWith('ensureImage')) add('image', ms);
      else if (step.startsWith('startContainer')) {
        add('container prepared', ms);
        add('Ready seen by the client', readyAtMs - endMs);
      }
    }
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
