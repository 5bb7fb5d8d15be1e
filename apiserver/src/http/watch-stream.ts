/**
 * A watch on the wire: one JSON document per line, in chunked transfer encoding.
 *
 * Watchers without selector get the same batches, so that a batch is encoded once, chunk frame included, and the same buffer is written to
 * every socket, one write per batch. When many watchers flush at once, each then waits for the next window: batches grow while it waits,
 * and a thousand sockets cost a few large writes each instead of many small ones.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { apiVersionOf } from '@slipway/api/resources';
import type { KubeObject } from '@slipway/api/types';
import type { Status } from '@slipway/api/status-error';
import type { Clock } from '@slipway/kit/clock';
import type { ServedResource } from '../registry/kinds.ts';
import type { WatchChange } from '../registry/watch-objects.ts';
import type { Answer } from './answer.ts';
import { type EncodeOptions, shownObject } from './encode-answer.ts';
import { reshapeEvent } from './reshape.ts';
import { statusFrom } from './errors.ts';
import { protobufType } from './protobuf/protobuf-answer.ts';
import { objectFrame, storedFrame } from './protobuf/protobuf-frame.ts';

export interface WatchWays {
  readonly pacer: FlushPacer;
  readonly clock: Clock;
  /** A client that takes nothing for so long is cut off. */
  readonly stalledMsMax: number;
  /** Counts events that go out. */
  readonly told: (count: number) => void;
}

type WatchAnswer = Extract<Answer, { kind: 'watch' }>;

/** Resolves when the watch has ended and the client knows. */
export async function streamWatch(
  response: ServerResponse,
  answer: WatchAnswer,
  options: EncodeOptions,
  { pacer, clock, stalledMsMax, told }: WatchWays,
): Promise<void> {
  const socket = response.socket ?? ((await once(response, 'socket')) as [Socket])[0];
  response.writeHead(200, {
    'content-type': options.form.syntax === 'protobuf' ? `${protobufType};stream=watch` : 'application/json',
    'transfer-encoding': 'chunked',
    'cache-control': 'no-cache, private',
  });
  response.flushHeaders();
  const frame = framerFor(answer.served, options);
  try {
    for await (const batches of answer.batches) {
      const bytes = joined(batches.map(frame));
      if (socket.destroyed) break;
      for (const changes of batches) told(changes.length);
      if (!pacer.timed(() => socket.write(bytes))) await drained(socket, clock, stalledMsMax);
    }
  } catch (error) {
    const status: Status = statusFrom(error).toStatus();
    if (!socket.destroyed) socket.write(chunk(eventLine('ERROR', status, options)));
  }
  response.end();
}

const empty = Buffer.alloc(0);

/** By the first frame. */
const joins = new WeakMap<Buffer, { readonly frames: readonly Buffer[]; readonly bytes: Buffer }>();

/** Watchers that gathered over the same window write the same frames: those are joined once. */
function joined(frames: readonly Buffer[]): Buffer {
  const [first] = frames;
  if (!first || frames.length === 1) return first ?? empty;
  const known = joins.get(first);
  if (known?.frames.length === frames.length && known.frames.every((frame, at) => frame === frames[at])) {
    return known.bytes;
  }
  const bytes = Buffer.concat(frames);
  joins.set(first, { frames, bytes });
  return bytes;
}

/** A client that does not read is cut off: its watch would hold its place for ever. */
function drained(socket: Socket, clock: Clock, stalledMsMax: number): Promise<void> {
  return new Promise((resolve) => {
    const giveUp = clock.after(stalledMsMax, () => socket.destroy());
    const done = () => {
      giveUp();
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}

/**
 * Limits how often the watchers of a busy server write. While few of them write, nobody waits. Beyond that they gather for a window, which
 * is longer the more time their last writes took, so that writing never takes the server away from its requests.
 */
export class FlushPacer {
  readonly #clock: Clock;
  #granted = 0;
  #spentMs = 0;
  #window: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be awaited before a flush. Undefined = now. */
  turn(): Promise<void> | undefined {
    this.#window ??= this.#open();
    return ++this.#granted <= freeFlushesPerWindow ? undefined : this.#window;
  }

  /** Does a flush, and counts its time. */
  timed<T>(flush: () => T): T {
    const startMs = this.#clock.monotonicMs();
    try {
      return flush();
    } finally {
      this.#spentMs += this.#clock.monotonicMs() - startMs;
    }
  }

  #open(): Promise<void> {
    const windowMs = Math.min(Math.max(this.#spentMs * restPerFlush, windowMsMin), windowMsMax);
    this.#spentMs = 0;
    this.#granted = 0;
    return new Promise((resolve) => {
      this.#clock.after(windowMs, () => {
        this.#window = undefined;
        resolve();
      });
    });
  }
}

const windowMsMin = 5;
/** Nobody hears of a change later than this because of others. */
const windowMsMax = 100;
/** For each millisecond of writing, so many for everything else. */
const restPerFlush = 3;
/** So many watchers hear of a change without any delay. */
const freeFlushesPerWindow = 64;

type Framer = (changes: readonly WatchChange[]) => Buffer;

function framerFor(served: ServedResource, options: EncodeOptions): Framer {
  const { as, syntax } = options.form;
  if (as === undefined && !served.view) {
    return syntax === 'protobuf'
      ? (changes) => sharedFrame(protobufFrames, changes, served, protobufLine)
      : (changes) => sharedFrame(jsonFrames, changes, served, plainLine);
  }
  let isFirst = true;
  return (changes) => {
    const lines = changes.flatMap((change) => {
      const line = shownLine(change, served, options, isFirst);
      isFirst = false;
      return line;
    });
    return chunk(lines);
  };
}

type Frames = WeakMap<readonly WatchChange[], Buffer>;
type Line = (change: WatchChange, served: ServedResource) => Buffer[];

const jsonFrames: Frames = new WeakMap();
const protobufFrames: Frames = new WeakMap();

function sharedFrame(frames: Frames, changes: readonly WatchChange[], served: ServedResource, line: Line): Buffer {
  const known = frames.get(changes);
  if (known) return known;
  const frame = chunk(changes.flatMap((change) => line(change, served)));
  frames.set(changes, frame);
  return frame;
}

function protobufLine(change: WatchChange, served: ServedResource): Buffer[] {
  return change.type === 'BOOKMARK'
    ? objectFrame(change.type, bookmark(change, served))
    : storedFrame(change.type, change.stored, served);
}

const lineStarts = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
} as const;
const lineEnd = Buffer.from('}\n');

function plainLine(change: WatchChange, served: ServedResource): Buffer[] {
  if (change.type !== 'BOOKMARK') return [lineStarts[change.type], change.stored.bytes, lineEnd];
  return [Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object: bookmark(change, served) })}\n`)];
}

function shownLine(change: WatchChange, served: ServedResource, options: EncodeOptions, isFirst: boolean): Buffer[] {
  const object = change.type === 'BOOKMARK' ? bookmark(change, served) : shownObject(change.stored, served);
  const { as } = options.form;
  const shown = as
    ? reshapeEvent(object, served, as, options, { isFirst, isBookmark: change.type === 'BOOKMARK' })
    : object;
  return eventLine(change.type, shown, options);
}

function eventLine(type: string, object: object, { form }: EncodeOptions): Buffer[] {
  if (form.syntax === 'protobuf') return objectFrame(type, object);
  return [Buffer.from(`${JSON.stringify({ type, object })}\n`)];
}

export const initialEventsEnd = 'k8s.io/initial-events-end';

export function bookmark(change: Extract<WatchChange, { type: 'BOOKMARK' }>, { api }: ServedResource): KubeObject {
  return {
    kind: api.kind,
    apiVersion: apiVersionOf(api),
    metadata: {
      resourceVersion: String(change.revision),
      ...(change.isEndOfInitialEvents ? { annotations: { [initialEventsEnd]: 'true' } } : {}),
    },
  };
}

const lineBreak = Buffer.from('\r\n');

/** A chunk of chunked transfer encoding (RFC 9112, section 7.1). */
function chunk(lines: readonly Buffer[]): Buffer {
  const bytes = lines.reduce((sum, line) => sum + line.length, 0);
  return Buffer.concat([Buffer.from(`${bytes.toString(16)}\r\n`), ...lines, lineBreak]);
}
