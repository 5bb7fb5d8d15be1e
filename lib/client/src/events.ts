import { isStatus } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { Event, KubeObject, ObjectReference } from '@slipway/api/types';
import { type Clock, formatTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { Client } from './client.ts';
import { EventCorrelator, type EventText } from './event-correlator.ts';
import { kinds } from './kinds.ts';

export type { EventText } from './event-correlator.ts';

/** What components see: telling an event never fails and never waits. */
export interface EventRecorder {
  /** `fieldPath` points into the object, as the node agent does: `spec.containers{web}`. */
  record(event: EventText & { readonly fieldPath?: string }): void;
}

export interface EventSinkOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Events that wait to be written. Past this the newest are dropped: events tell, they do not carry state. */
const queueMax = 4096;
/** A burst that made events drop is over when no more than these wait. */
const queueCalm = queueMax / 2;
/** Writes at most this many events at once, then at most so many a second, so that objects come first. */
const burst = 200;
const perSecond = 100;

interface Queued {
  readonly component: string;
  readonly host: string | undefined;
  readonly event: EventText & { readonly fieldPath?: string };
  readonly atMs: number;
}

/**
 * Writes core/v1 Events for the components of one process, in order, one at a time. What cannot be written is tried
 * once and dropped. How many found no place in the queue is logged once a burst, at its end.
 */
export class EventSink {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #correlator = new EventCorrelator();
  readonly #queue: Queued[] = [];
  #dropped = 0;
  #sequence = 0;
  #wake: () => void = () => {};

  constructor({ transport, clock, log }: EventSinkOptions) {
    this.#client = new Client(transport);
    this.#clock = clock;
    this.#log = log;
  }

  /** A recorder that signs as `component` (`deployment-controller`), on `host` where that means something. */
  recorder(component: string, host?: string): EventRecorder {
    return { record: (event) => this.#push({ component, host, event, atMs: this.#clock.nowMs() }) };
  }

  /** Writes until the signal aborts; then what still waits is dropped. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = () => this.#wake();
    signal.addEventListener('abort', wake);
    const bucket = new TokenBucket(this.#clock);
    try {
      while (!signal.aborted) {
        const next = this.#queue.shift();
        if (this.#queue.length <= queueCalm) this.#tellDropped();
        if (!next) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        await bucket.take(signal);
        await this.#write(next, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', wake);
      this.#tellDropped();
    }
  }

  #tellDropped(): void {
    if (this.#dropped > 0) this.#log.warn({ dropped: this.#dropped }, 'too many events at once, some were not written');
    this.#dropped = 0;
  }

  #push(queued: Queued): void {
    if (this.#queue.length >= queueMax) {
      this.#dropped++;
      return;
    }
    this.#queue.push(queued);
    this.#wake();
  }

  async #write(queued: Queued, signal: AbortSignal): Promise<void> {
    const { event, component, atMs } = queued;
    const correlated = this.#correlator.correlate(component, event, atMs);
    if (correlated.outcome === 'dropped') return;
    const { key, message } = correlated;
    try {
      if (correlated.outcome === 'repeated') {
        const patch = { count: correlated.count, lastTimestamp: formatTime(atMs), message };
        const ref = { namespace: namespaceOf(event.about), name: correlated.name };
        try {
          await this.#client.patch(kinds.events, ref, patch, { signal });
          return;
        } catch (error) {
          if (!isStatus(error, 'NotFound')) throw error;
        }
      }
      const created = this.#eventFrom(queued, message);
      await this.#client.create(kinds.events, created, { signal });
      this.#correlator.written(key, created.metadata.name ?? '');
    } catch (error) {
      if (signal.aborted) return;
      this.#correlator.forget(key);
      // A namespace that terminates takes no new objects, and everything in it is about to have events.
      if (isStatus(error, 'Forbidden', 'NotFound')) return;
      this.#log.warn({ error: messageOf(error), reason: event.reason }, 'event not written');
    }
  }

  #eventFrom({ event, component, host, atMs }: Queued, message: string): Event {
    const { about, reason, type, fieldPath } = event;
    const time = formatTime(atMs);
    // A suffix like upstream's: unique per process start and event, and in order of time.
    const suffix = (BigInt(Math.floor(atMs)) * 1_000_000n + BigInt(this.#sequence++ % 1_000_000)).toString(16);
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${about.metadata.name}.${suffix}`, namespace: namespaceOf(about) },
      involvedObject: { ...referenceTo(about), ...(fieldPath ? { fieldPath } : {}) },
      reason,
      message: message.slice(0, messageLengthMax),
      source: { component, ...(host ? { host } : {}) },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }
}

/** The server refuses longer messages. */
const messageLengthMax = 1024;

/** Events about cluster-scoped objects live in the default namespace. */
function namespaceOf(about: KubeObject): string {
  return about.metadata.namespace || 'default';
}

export function referenceTo(object: KubeObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  };
}

class TokenBucket {
  readonly #clock: Clock;
  #tokens = burst;
  #atMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.monotonicMs();
  }

  async take(signal: AbortSignal): Promise<void> {
    this.#refill();
    if (this.#tokens < 1) {
      await this.#clock.sleep(((1 - this.#tokens) / perSecond) * 1000, signal);
      this.#refill();
    }
    this.#tokens -= 1;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#atMs) / 1000) * perSecond);
    this.#atMs = nowMs;
  }
}
