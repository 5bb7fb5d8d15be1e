/**
 * Tells users why a pod is pending: the condition PodScheduled=False, the node that it is nominated for, and an event. Thousands of pods
 * may wait for the same missing node, so reports are written at a bounded rate and a newer reason replaces one that is not yet written.
 */
import { isStatus } from '@slipway/api/status-error';
import type { KubeObject, Pod } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import type { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { type Clock, formatTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { causeObjectOf } from './binding/bind.ts';
import { keyOfPod, type PendingPod } from './pods/pod-info.ts';

/** Records an event about an object; never fails, never waits. */
export type RecordEvent = (about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string) => void;

/** Reports written at once after a rest, and then per second; upstream's figures for all of a scheduler's writes. */
const burst = 100;
const perSecond = 50;

interface Report {
  readonly pod: PendingPod;
  /** Undefined leaves the condition as it is. */
  readonly message: string | undefined;
  /** Undefined leaves the nomination as it is, null ends it. */
  readonly nominatedNode: string | null | undefined;
}

export interface FailureReporterDeps {
  readonly pods: Pick<CacheReader<Pod>, 'get'>;
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly recordEvent: RecordEvent;
}

export class FailureReporter {
  readonly #deps: FailureReporterDeps;
  readonly #waiting = new Map<string, Report>();
  #wake: () => void = () => {};

  constructor(deps: FailureReporterDeps) {
    this.#deps = deps;
  }

  report(pod: PendingPod, message: string, nominatedNode?: string | null): void {
    this.#deps.recordEvent(aboutPod(pod), 'Warning', 'FailedScheduling', message);
    const known = this.#deps.pods.get(keyOfPod(pod));
    const condition = known && conditionOf(known);
    const isTold = condition?.status === 'False' && condition.message === message;
    const isNominated = nominatedNode === undefined || (known?.status?.nominatedNodeName ?? null) === nominatedNode;
    if (isTold && isNominated) this.#waiting.delete(pod.uid);
    else this.#add({ pod, message, nominatedNode });
  }

  /** The room that was promised to the pod is gone. */
  endNomination(pod: PendingPod): void {
    this.#add({ pod, message: this.#waiting.get(pod.uid)?.message, nominatedNode: null });
  }

  forget(uid: string): void {
    this.#waiting.delete(uid);
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

  #add(report: Report): void {
    this.#waiting.set(report.pod.uid, report);
    this.#wake();
  }

  async #write({ pod, message, nominatedNode }: Report, signal: AbortSignal): Promise<void> {
    const { client, clock, log, pods } = this.#deps;
    const { namespace, name, uid, generation } = pod;
    const known = pods.get(keyOfPod(pod));
    const before = known && conditionOf(known);
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastProbeTime: null,
      lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : formatTime(clock.nowMs()),
    };
    const status = {
      ...(message === undefined ? {} : { conditions: [condition] }),
      ...(nominatedNode === undefined ? {} : { nominatedNodeName: nominatedNode }),
    };
    try {
      await client.patch(
        kinds.pods,
        { namespace, name },
        { metadata: { uid }, status },
        {
          signal,
          type: 'strategic',
          subresource: 'status',
          cause: { controller: 'scheduler', object: causeObjectOf(pod) },
        },
      );
    } catch (error) {
      if (signal.aborted || isStatus(error, 'NotFound', 'Conflict')) return;
      log.warn({ pod: keyOfPod(pod), error: messageOf(error) }, 'could not write why a pod is pending');
    }
  }
}

/** What an event refers to. */
export function aboutPod({
  namespace,
  name,
  uid,
  resourceVersion,
}: Pick<PendingPod, 'namespace' | 'name' | 'uid'> & { readonly resourceVersion?: string | undefined }): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, uid, ...(resourceVersion ? { resourceVersion } : {}) },
  };
}

function conditionOf(pod: Pod) {
  return pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
}
