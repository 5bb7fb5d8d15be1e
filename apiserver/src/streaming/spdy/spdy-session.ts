/**
 * The server's side of a SPDY/3.1 connection: the client opens streams, each a duplex with headers. kubectl up to 1.30
 * speaks it for exec and attach, and every kubectl for port-forward.
 *
 * Flow control windows are neither kept nor announced: the clients of Kubernetes keep none, and the connection's own
 * back-pressure bounds what is in flight.
 */
import { Duplex } from 'node:stream';
import { encodeControl, encodeData, type Frame, FrameReader, flagFin, frameTypes, SpdyError } from './frame-codec.ts';
import { HeaderBlockReader, HeaderBlockWriter, type SpdyHeaders } from './header-block.ts';

/** Streams open at once. kubectl opens five for exec and two per forwarded connection. */
const streamsMax = 1000;
/** Bytes in one data frame. */
const dataBytesMax = 32 * 1024;

export class SpdyStream extends Duplex {
  readonly streamId: number;
  readonly headers: SpdyHeaders;
  readonly #session: SpdySession;

  constructor(session: SpdySession, streamId: number, headers: SpdyHeaders) {
    super({ allowHalfOpen: true });
    this.#session = session;
    this.streamId = streamId;
    this.headers = headers;
  }

  override _read(): void {
    this.#session.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    let sent = true;
    for (let at = 0; at < chunk.length; at += dataBytesMax) {
      sent = this.#session.send(encodeData(this.streamId, chunk.subarray(at, at + dataBytesMax), false));
    }
    if (sent) done();
    else this.#session.whenDrained(done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#session.send(encodeData(this.streamId, new Uint8Array(0), true));
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#session.forget(this, error !== null);
    done(error);
  }
}

export class SpdySession {
  readonly #connection: Duplex;
  readonly #reader = new FrameReader();
  readonly #inflate = new HeaderBlockReader();
  readonly #deflate = new HeaderBlockWriter();
  readonly #streams = new Map<number, SpdyStream>();
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #drained: (() => void)[] = [];
  #lastStreamId = 0;
  #closed = false;
  /** Frames are handled strictly one after another, since header blocks need the zlib state of those before. */
  #work: Promise<void> = Promise.resolve();
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  /** `head`: bytes that came with the upgrade request. `onStream` is called after the stream was accepted. */
  constructor(connection: Duplex, head: Buffer, onStream: (stream: SpdyStream) => void) {
    this.#connection = connection;
    this.#onStream = onStream;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    connection.on('data', (chunk: Buffer) => this.#take(chunk));
    connection.once('end', () => this.close());
    connection.once('close', () => this.close());
    connection.on('error', () => this.close());
    connection.on('drain', () => {
      for (const resume of this.#drained.splice(0)) resume();
    });
    if (head.length > 0) this.#take(head);
  }

  /** False when the connection wants a rest. */
  send(frame: Buffer): boolean {
    return this.#closed ? true : this.#connection.write(frame);
  }

  whenDrained(resume: () => void): void {
    if (this.#closed) resume();
    else this.#drained.push(resume);
  }

  resume(): void {
    if (!this.#closed) this.#connection.resume();
  }

  forget(stream: SpdyStream, isBroken: boolean): void {
    if (!this.#streams.delete(stream.streamId) || !isBroken) return;
    const body = Buffer.alloc(8);
    body.writeUInt32BE(stream.streamId, 0);
    body.writeUInt32BE(5, 4); // CANCEL
    this.send(encodeControl(frameTypes.rstStream, 0, body));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const resume of this.#drained.splice(0)) resume();
    for (const stream of this.#streams.values()) {
      stream.push(null);
      stream.destroy();
    }
    this.#streams.clear();
    this.#inflate.close();
    this.#deflate.close();
    this.#connection.end();
    this.#resolveClosed();
  }

  #take(chunk: Buffer): void {
    this.#work = this.#work
      .then(async () => {
        for (const frame of this.#reader.push(chunk)) await this.#handle(frame);
      })
      .catch(() => {
        this.#connection.destroy();
        this.close();
      });
  }

  async #handle(frame: Frame): Promise<void> {
    if (this.#closed) return;
    if (frame.kind === 'data') {
      const stream = this.#streams.get(frame.streamId);
      if (!stream) return;
      if (frame.body.length > 0 && !stream.push(frame.body)) this.#connection.pause();
      if (frame.flags & flagFin) stream.push(null);
      return;
    }
    switch (frame.type) {
      case frameTypes.synStream:
        return this.#open(frame.body, frame.flags);
      case frameTypes.headers:
        await this.#inflate.read(frame.body.subarray(4));
        return;
      case frameTypes.rstStream:
        this.#reset(frame.body.readUInt32BE(0));
        return;
      case frameTypes.ping:
        this.send(encodeControl(frameTypes.ping, 0, frame.body));
        return;
      case frameTypes.goAway:
        return;
      default: // settings and windows change nothing for us; unknown frames are to be ignored
    }
  }

  async #open(body: Buffer, flags: number): Promise<void> {
    if (body.length < 10) throw new SpdyError('SYN_STREAM is too short');
    const streamId = body.readUInt32BE(0) & 0x7fffffff;
    const headers = await this.#inflate.read(body.subarray(10));
    if (streamId <= this.#lastStreamId || streamId % 2 === 0)
      throw new SpdyError(`stream id ${streamId} is out of order`);
    if (this.#streams.size >= streamsMax) throw new SpdyError(`more than ${streamsMax} streams`);
    this.#lastStreamId = streamId;
    const stream = new SpdyStream(this, streamId, headers);
    this.#streams.set(streamId, stream);
    const reply = await this.#deflate.write({});
    const head = Buffer.alloc(4);
    head.writeUInt32BE(streamId);
    this.send(encodeControl(frameTypes.synReply, 0, Buffer.concat([head, reply])));
    if (flags & flagFin) stream.push(null);
    stream.on('error', () => {}); // a stream that the client resets is no failure of ours
    this.#onStream(stream);
  }

  #reset(streamId: number): void {
    const stream = this.#streams.get(streamId & 0x7fffffff);
    this.#streams.delete(streamId & 0x7fffffff);
    stream?.push(null);
    stream?.destroy();
  }
}
