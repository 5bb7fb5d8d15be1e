/**
 * Tells users why a pod is pending: the condition PodScheduled=False and an event. Thousands of pods may wait for the
 * same missing node, so reports are written at a bounded rate and a newer reason replaces one that is not yet written.
 */
import { isStatus } from '@slipway/api/status-error';
import type { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { type Clock, formatTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { PodInfo } from './pod-info.ts';
import type { RecordEvent } from './scheduler.ts';

/** Reports written at once after a rest, and then per second. */
const burst = 20;
const perSecond = 20;

interface Report {
  readonly pod: PodInfo;
  readonly message: string;
}

export class FailureReporter {
  readonly #deps: {
    readonly client: Client;
    readonly clock: Clock;
    readonly log: Logger;
    readonly recordEvent: RecordEvent;
  };
  readonly #waiting = new Map<string, Report>();
  /** The last reason that was told, by uid: the same one is not written again. */
  readonly #told = new Map<string, string>();
  #wake: () => void = () => {};

  constructor(deps: {
    readonly client: Client;
    readonly clock: Clock;
    readonly log: Logger;
    readonly recordEvent: RecordEvent;
  }) {
    this.#deps = deps;
  }

  report(pod: PodInfo, message: string): void {
    const told = this.#told.get(pod.uid) ?? conditionOf(pod)?.message;
    if (told === message) this.#deps.recordEvent(pod.pod, 'Warning', 'FailedScheduling', message);
    else this.#waiting.set(pod.uid, { pod, message });
    this.#wake();
  }

  forget(uid: string): void {
    this.#waiting.delete(uid);
    this.#told.delete(uid);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const stop = () => this.#wake();
    signal.addEventListener('abort', stop);
    let tokens = burst;
    let filledMs = clock.monotonicMs();
    while (!signal.aborted) {
      const [next] = this.#waiting;
      if (!next) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const nowMs = clock.monotonicMs();
      tokens = Math.min(burst, tokens + ((nowMs - filledMs) / 1000) * perSecond);
      filledMs = nowMs;
      if (tokens < 1) {
        await clock.sleep(1000 / perSecond, signal).catch(() => {});
        continue;
      }
      tokens--;
      this.#waiting.delete(next[0]);
      await this.#write(next[1], signal);
    }
    signal.removeEventListener('abort', stop);
  }

  async #write({ pod, message }: Report, signal: AbortSignal): Promise<void> {
    const { client, clock, log, recordEvent } = this.#deps;
    const { name = '', namespace, uid, resourceVersion } = pod.pod.metadata;
    recordEvent(pod.pod, 'Warning', 'FailedScheduling', message);
    const before = conditionOf(pod);
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastProbeTime: null,
      lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : formatTime(clock.nowMs()),
    };
    const object = {
      kind: 'Pod',
      name,
      ...(namespace ? { namespace } : {}),
      ...(uid ? { uid } : {}),
      ...(resourceVersion ? { resourceVersion } : {}),
    };
    try {
      const patch = { metadata: { uid }, status: { conditions: [condition] } };
      await client.patch(kinds.pods, { namespace, name }, patch, {
        signal,
        type: 'strategic',
        subresource: 'status',
        cause: { controller: 'scheduler', object },
      });
      this.#told.set(pod.uid, message);
    } catch (error) {
      if (signal.aborted || isStatus(error, 'NotFound', 'Conflict')) return;
      log.warn({ pod: pod.key, error: messageOf(error) }, 'could not write why a pod is pending');
    }
  }
}

function conditionOf(pod: PodInfo) {
  return pod.pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
}
