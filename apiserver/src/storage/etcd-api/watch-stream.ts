/**
 * One Watch call: any number of watches over one stream. Each pulls from the store at the pace of the client, so a slow
 * one holds no memory.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '@slipway/kit/clock';
import { type KeyRange, StorageError } from '../backend.ts';
import type { EmbeddedStore } from '../embedded/embedded-store.ts';
import { revisionOf } from '../embedded/records.ts';
import type { WatchedBatch, WatchedChange } from '../embedded/watch-hub.ts';
import type { Headers } from './headers.ts';
import { rangeFrom } from './key-bytes.ts';
import {
  type Event,
  eventTypes,
  type WatchCreateRequest,
  watchFilters,
  type WatchRequest,
  type WatchResponse,
} from './messages.ts';
import { keyValueOf } from './range.ts';
import { requestBytesMax } from './txn.ts';

export type WatchCall = ServerDuplexStream<WatchRequest, WatchResponse>;

/** Watches of one stream; Kubernetes' API servers make one stream for each of theirs. */
const watchesMax = 10_000;

/** Questions for progress that wait for an answer; who asks faster gets one answer for several. */
const progressRequestsMax = 100;

/** etcd's interval. */
const progressMs = 10 * 60_000;

export interface WatchDeps {
  readonly store: EmbeddedStore;
  readonly headers: Headers;
  readonly clock: Clock;
}

interface Watch {
  readonly id: number;
  readonly range: KeyRange;
  readonly request: WatchCreateRequest;
  readonly stop: AbortController;
  /** What the watch has been told up to. */
  position: number;
  isQuiet: boolean;
}

export class WatchStream {
  readonly #deps: WatchDeps;
  readonly #call: WatchCall;
  readonly #watches = new Map<number, Watch>();
  /** Revisions that all watches must have passed before the answer. */
  #progress: number[] = [];
  #nextId = 0;
  #writable: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(call: WatchCall, deps: WatchDeps) {
    this.#call = call;
    this.#deps = deps;
    call.on('data', (request: WatchRequest) => this.#take(request));
    call.once('end', () => this.close());
    call.once('cancelled', () => this.close());
    call.once('error', () => this.close());
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { stop } of this.#watches.values()) stop.abort(streamOver);
    this.#watches.clear();
    this.#call.end();
  }

  #take({ create_request: create, cancel_request: cancel, progress_request: progress }: WatchRequest): void {
    if (this.#isOver) return;
    if (create) this.#create(create);
    if (cancel) this.#cancel(Number(cancel.watch_id));
    if (progress) {
      if (this.#progress.length >= progressRequestsMax) this.#progress.pop();
      this.#progress.push(this.#deps.store.head);
      this.#answerProgress();
    }
  }

  #create(request: WatchCreateRequest): void {
    const head = this.#deps.store.head;
    const range = rangeFrom(request.key.length === 0 ? nul : request.key, request.range_end);
    const refusal = this.#refusal(range, Number(request.watch_id));
    if (refusal) {
      this.#send({ header: this.#header(head), watch_id: -1, created: true, canceled: true, cancel_reason: refusal });
      return;
    }
    const start = Number(request.start_revision);
    const watch: Watch = {
      id: Number(request.watch_id) || this.#freeId(),
      range,
      request,
      stop: new AbortController(),
      position: start > 0 ? start - 1 : head,
      isQuiet: true,
    };
    this.#watches.set(watch.id, watch);
    this.#send({ header: this.#header(head), watch_id: watch.id, created: true });
    void this.#run(watch);
  }

  #refusal(range: KeyRange, id: number): string | undefined {
    if (range.from >= range.to) return 'mvcc: watcher range is empty';
    if (id !== 0 && this.#watches.has(id)) return 'mvcc: duplicate watch ID provided on the WatchStream';
    if (this.#watches.size >= watchesMax) return `one stream has at most ${watchesMax} watches`;
    return undefined;
  }

  #freeId(): number {
    while (this.#watches.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #cancel(id: number): void {
    const watch = this.#watches.get(id);
    if (!watch) return;
    this.#forget(watch);
    this.#send({ header: this.#header(this.#deps.store.head), watch_id: id, canceled: true });
  }

  #forget(watch: Watch): void {
    this.#watches.delete(watch.id);
    watch.stop.abort(streamOver);
    this.#answerProgress();
  }

  async #run(watch: Watch): Promise<void> {
    const { store } = this.#deps;
    const stopTimer = watch.request.progress_notify ? this.#tellProgress(watch) : () => {};
    try {
      for await (const batch of store.watchChanges(watch.range, watch.position, watch.stop.signal)) {
        await this.#tell(watch, batch);
        if (this.#watches.get(watch.id) !== watch) return;
        watch.position = Number(batch.revision);
        this.#answerProgress();
      }
    } catch (error) {
      if (this.#isOver || this.#watches.get(watch.id) !== watch) return;
      this.#forget(watch);
      const isCompacted = error instanceof StorageError && error.reason === 'compacted';
      const why = isCompacted ? { compact_revision: store.compacted } : { cancel_reason: String(error) };
      this.#send({ header: this.#header(store.head), watch_id: watch.id, canceled: true, ...why });
    } finally {
      stopTimer();
    }
  }

  async #tell(watch: Watch, { events }: WatchedBatch): Promise<void> {
    const isWanted = ({ type }: WatchedChange) =>
      !watch.request.filters.includes(type === 'put' ? watchFilters.noPut : watchFilters.noDelete);
    for (const part of responsesOf(events.filter(isWanted), watch.request.fragment)) {
      // Loaded when they are sent: earlier versions are as large as the events.
      const shown = part.events.map((event) => this.#eventOf(event, watch.request.prev_kv));
      watch.isQuiet = false;
      const revision = part.revision;
      this.#send({ header: this.#header(revision), watch_id: watch.id, events: shown, fragment: part.isFragment });
      await this.#writable;
      if (watch.stop.signal.aborted) return;
    }
  }

  #eventOf({ change, modRevision, type }: WatchedChange, withPrevious: boolean): Event {
    const revision = Number(modRevision);
    const previous = withPrevious ? this.#previousOf(change.previous, revision) : {};
    if (type === 'put') return { type: eventTypes.put, kv: keyValueOf({ number: revision, change }), ...previous };
    return { type: eventTypes.delete, kv: { key: Buffer.from(change.key), mod_revision: revision }, ...previous };
  }

  #previousOf(number: number, revision: number): Pick<Event, 'prev_kv'> {
    const { store } = this.#deps;
    const change = number === 0 || revision - 1 < store.compacted ? undefined : store.tables.change(number);
    return change ? { prev_kv: keyValueOf({ number, change }) } : {};
  }

  /** Now and then a watch without events is told how far it is. */
  #tellProgress(watch: Watch): () => void {
    let cancel = () => {};
    const next = () => {
      cancel = this.#deps.clock.after(progressMs, () => {
        if (watch.isQuiet) this.#send({ header: this.#header(watch.position), watch_id: watch.id });
        watch.isQuiet = true;
        next();
      });
    };
    next();
    return () => cancel();
  }

  #answerProgress(): void {
    if (this.#progress.length === 0) return;
    let reached = Number.POSITIVE_INFINITY;
    for (const { position } of this.#watches.values()) reached = Math.min(reached, position);
    const answered = this.#progress.filter((revision) => revision <= reached);
    this.#progress = this.#progress.filter((revision) => revision > reached);
    for (const revision of answered) this.#send({ header: this.#header(revision), watch_id: -1 });
  }

  #header(revision: number) {
    return this.#deps.headers.at(revision);
  }

  #send(response: WatchResponse): void {
    if (this.#isOver || this.#call.write(response)) return;
    const call = this.#call;
    this.#writable = new Promise((resolve) => {
      const done = () => {
        call.off('drain', done);
        call.off('cancelled', done);
        call.off('error', done);
        resolve();
      };
      call.once('drain', done);
      call.once('cancelled', done);
      call.once('error', done);
    });
  }
}

interface ResponsePart {
  readonly events: readonly WatchedChange[];
  readonly revision: number;
  readonly isFragment: boolean;
}

/**
 * A response holds whole revisions and stays near the bound on requests. A single revision may be beyond it; only who
 * asked for fragments gets it in several.
 */
function* responsesOf(events: readonly WatchedChange[], mayCut: boolean): Generator<ResponsePart> {
  let part: WatchedChange[] = [];
  let bytes = 0;
  for (const [index, event] of events.entries()) {
    part.push(event);
    bytes += event.change.value.length + event.change.key.length;
    const next = events[index + 1];
    const isRevisionOver = next?.modRevision !== event.modRevision;
    if (next && (bytes < requestBytesMax / 2 || !(isRevisionOver || mayCut))) continue;
    yield { events: part, revision: revisionOf(Number(event.modRevision)), isFragment: !isRevisionOver };
    part = [];
    bytes = 0;
  }
}

const nul = Buffer.of(0);
const streamOver = new Error('the watch stream is over');
