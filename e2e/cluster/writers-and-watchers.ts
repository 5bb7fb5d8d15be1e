/** Clients that write, read and watch through any server while things break, and note what they were told. */
import { isStatus, StatusError } from '@slipway/api/status-error';
import type { Transport } from '@slipway/api/transport';
import type { ConfigMap, Service } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import { systemClock } from '@slipway/kit/clock';
import type { AcknowledgedWrite, SeenEvent } from './history.ts';

export const namespace = 'history';
export const counters = ['counter-0', 'counter-1'];

/** Between two writes of one client: a busy loop of clients would measure the machine. */
const pauseMs = 10;

export class Recorder {
  readonly writes: AcknowledgedWrite[] = [];
  readonly refused: string[] = [];
  readonly unknownIncrements = new Map<string, number>();
  readonly watchers = new Map<string, SeenEvent[]>();
  readonly violations: string[] = [];
  readonly errors = new Map<string, number>();
  /** Longest time between two successes of one client, milliseconds, by client. */
  readonly longestMs = new Map<string, number>();
  /** Longest time from an error to the next success of the same client. */
  readonly longestErrorsMs = new Map<string, number>();
  /** The newest acknowledged value of each counter. */
  readonly acknowledged = new Map<string, number>();
}

/** Goes from server to server: after each error to the next one. */
class Wanderer {
  readonly #clients: readonly Client[];
  readonly #recorder: Recorder;
  readonly #name: string;
  #at: number;
  #lastMs = performance.now();
  #failedMs: number | undefined;

  constructor(name: string, transports: readonly Transport[], start: number, recorder: Recorder) {
    this.#name = name;
    this.#clients = transports.map((transport) => new Client(transport));
    this.#at = start;
    this.#recorder = recorder;
  }

  get client(): Client {
    return this.#clients[this.#at % this.#clients.length] as Client;
  }

  succeeded(): void {
    const nowMs = performance.now();
    const { longestMs, longestErrorsMs } = this.#recorder;
    longestMs.set(this.#name, Math.max(longestMs.get(this.#name) ?? 0, nowMs - this.#lastMs));
    if (this.#failedMs !== undefined) {
      longestErrorsMs.set(this.#name, Math.max(longestErrorsMs.get(this.#name) ?? 0, nowMs - this.#failedMs));
    }
    this.#lastMs = nowMs;
    this.#failedMs = undefined;
  }

  failed(error: unknown): void {
    this.#at++;
    this.#failedMs ??= performance.now();
    const { errors } = this.#recorder;
    const text = error instanceof StatusError ? `${error.code} ${error.reason}` : codeOf(error);
    errors.set(text, (errors.get(text) ?? 0) + 1);
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? (error as Error).message.slice(0, 60);
}

/** The server never got the request, or says that it did nothing about it. */
function isCertainlyUndone(error: unknown): boolean {
  return codeOf(error) === 'ECONNREFUSED' || isStatus(error, 'ServiceUnavailable', 'Conflict', 'TooManyRequests');
}

interface Work {
  readonly transports: readonly Transport[];
  readonly recorder: Recorder;
  /** Ends the writing. */
  readonly until: AbortSignal;
}

const signal = new AbortController().signal;

async function repeat(until: AbortSignal, work: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; !until.aborted; round++) {
    await work(round);
    await systemClock.sleep(pauseMs, until).catch(() => {});
  }
}

export function createObjects(name: string, start: number, { transports, recorder, until }: Work): Promise<void> {
  const wanderer = new Wanderer(name, transports, start, recorder);
  return repeat(until, async (round) => {
    const draft = configMap(`${name}-${round}`);
    try {
      const { metadata } = await wanderer.client.create(kinds.configMaps, draft, { signal });
      recorder.writes.push({
        name: draft.metadata.name ?? '',
        uid: metadata.uid ?? '',
        resourceVersion: BigInt(metadata.resourceVersion ?? 0),
      });
      wanderer.succeeded();
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) recorder.violations.push(`${draft.metadata.name} was created twice`);
      if (isCertainlyUndone(error)) recorder.refused.push(draft.metadata.name ?? '');
      wanderer.failed(error);
    }
  });
}

export function createServices(name: string, start: number, { transports, recorder, until }: Work): Promise<void> {
  const wanderer = new Wanderer(name, transports, start, recorder);
  return repeat(until, async (round) => {
    const draft: Service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: `${name}-${round}` },
      spec: { type: 'NodePort', ports: [{ port: 80 }] },
    };
    try {
      await wanderer.client.create(kinds.services, draft, { signal });
      wanderer.succeeded();
    } catch (error) {
      wanderer.failed(error);
    }
    await systemClock.sleep(10 * pauseMs, until).catch(() => {});
  });
}

/** Reads through one server, writes what it read plus one. Nobody may read less than was acknowledged before the question. */
export function count(name: string, start: number, { transports, recorder, until }: Work): Promise<void> {
  const wanderer = new Wanderer(name, transports, start, recorder);
  return repeat(until, async (round) => {
    const counter = counters[round % counters.length] ?? '';
    const atLeast = recorder.acknowledged.get(counter) ?? 0;
    let isWriting = false;
    try {
      const found = await wanderer.client.get(kinds.configMaps, { namespace, name: counter }, { signal });
      const value = Number(found.data?.value);
      if (value < atLeast) recorder.violations.push(`${name} read ${counter} as ${value} after ${atLeast}`);
      isWriting = true;
      const draft = { ...found, data: { value: String(value + 1) } };
      const { metadata } = await wanderer.client.update(kinds.configMaps, draft, { signal });
      const resourceVersion = BigInt(metadata.resourceVersion ?? 0);
      recorder.writes.push({ name: counter, uid: metadata.uid ?? '', resourceVersion, value: value + 1 });
      recorder.acknowledged.set(counter, Math.max(recorder.acknowledged.get(counter) ?? 0, value + 1));
      wanderer.succeeded();
    } catch (error) {
      if (isStatus(error, 'Conflict')) return wanderer.succeeded();
      if (isWriting && !isCertainlyUndone(error)) {
        recorder.unknownIncrements.set(counter, (recorder.unknownIncrements.get(counter) ?? 0) + 1);
      }
      wanderer.failed(error);
    }
  });
}

/** Watches until the signal aborts, beginning again after the last version it saw, at another server each time. */
export async function watchAll(
  name: string,
  start: number,
  from: string,
  { transports, recorder, until }: Work,
): Promise<void> {
  const seen: SeenEvent[] = [];
  recorder.watchers.set(name, seen);
  const wanderer = new Wanderer(name, transports, start, recorder);
  let resourceVersion = from;
  while (!until.aborted) {
    try {
      const options = { namespace, resourceVersion, allowWatchBookmarks: true, signal: until };
      for await (const events of wanderer.client.watch(kinds.configMaps, options)) {
        for (const { type, object } of events) {
          resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
          if (type === 'BOOKMARK') continue;
          seen.push({ type, name: object.metadata.name ?? '', resourceVersion: BigInt(resourceVersion) });
        }
      }
    } catch (error) {
      if (until.aborted) return;
      if (isStatus(error, 'Expired', 'Gone')) {
        recorder.violations.push(`${name} lost its place: ${(error as Error).message}`);
        return;
      }
    }
    wanderer.failed(new Error('watch ended'));
    await systemClock.sleep(5 * pauseMs, until).catch(() => {});
  }
}

export function configMap(name: string, value?: number): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace, name },
    ...(value === undefined ? {} : { data: { value: String(value) } }),
  };
}
