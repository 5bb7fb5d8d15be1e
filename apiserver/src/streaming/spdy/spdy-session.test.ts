import { duplexPair } from 'node:stream';
import { constants, createDeflate } from 'node:zlib';
import { encodeControl, encodeData, type Frame, FrameReader, frameTypes } from './frame-codec.ts';
import { encodeHeaders, HeaderBlockReader, parseHeaders } from './header-block.ts';
import { headerDictionary } from './header-dictionary.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

/** A client that does what kubectl does. */
class TestClient {
  readonly frames: Frame[] = [];
  readonly streams: SpdyStream[] = [];
  readonly session: SpdySession;
  readonly #deflate = createDeflate({ dictionary: headerDictionary, flush: constants.Z_SYNC_FLUSH });
  readonly #end;

  constructor() {
    const [ours, theirs] = duplexPair();
    this.#end = ours;
    const reader = new FrameReader();
    ours.on('data', (chunk) => this.frames.push(...reader.push(chunk)));
    this.session = new SpdySession(theirs, Buffer.alloc(0), (stream) => this.streams.push(stream));
  }

  async open(streamId: number, headers: Record<string, string>): Promise<SpdyStream> {
    const chunks: Buffer[] = [];
    const collect = (chunk: Buffer) => chunks.push(chunk);
    this.#deflate.on('data', collect);
    await new Promise<void>((resolve) => this.#deflate.write(encodeHeaders(headers), () => resolve()));
    this.#deflate.off('data', collect);
    const head = Buffer.alloc(10);
    head.writeUInt32BE(streamId);
    this.send(encodeControl(frameTypes.synStream, 0, Buffer.concat([head, ...chunks])));
    return await until(() => this.streams.find((stream) => stream.streamId === streamId));
  }

  send(frame: Buffer): void {
    // Cut anywhere, as a network does.
    this.#end.write(frame.subarray(0, 3));
    this.#end.write(frame.subarray(3));
  }

  received(streamId: number): string {
    return this.frames
      .flatMap((frame) => (frame.kind === 'data' && frame.streamId === streamId ? [frame.body.toString()] : []))
      .join('');
  }
}

/** Frames pass through zlib's threads: how many turns that takes depends on the machine. */
async function until<T>(check: () => T | undefined | false): Promise<T> {
  const giveUpMs = performance.now() + 10_000;
  for (;;) {
    const value = check();
    if (value) return value;
    if (performance.now() > giveUpMs) throw new Error('did not happen');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('header blocks', () => {
  it('has the dictionary of the protocol', () => {
    expect(headerDictionary).toHaveLength(1423);
  });

  it('reads what it writes', () => {
    expect(parseHeaders(encodeHeaders({ streamType: 'error', port: '80' }))).toEqual({
      streamtype: 'error',
      port: '80',
    });
    expect(() => parseHeaders(Buffer.from([0, 0, 0, 9]))).toThrow('ends too early');
  });

  it('refuses what is not compressed by the dictionary', async () => {
    await expect(new HeaderBlockReader().read(Buffer.from('not zlib at all'))).rejects.toThrow(
      'header block cannot be read',
    );
  });
});

describe('SpdySession', () => {
  it('opens streams with headers and carries data both ways', async () => {
    const client = new TestClient();
    const first = await client.open(1, { streamType: 'stdin' });
    const second = await client.open(3, { streamType: 'stdout' });
    expect([first.headers.streamtype, second.headers.streamtype]).toEqual(['stdin', 'stdout']);
    client.send(encodeData(1, Buffer.from('hello '), false));
    client.send(encodeData(1, Buffer.from('there'), true));
    let text = '';
    for await (const chunk of first) text += chunk;
    expect(text).toBe('hello there');
    second.end('x'.repeat(100_000));
    await until(() => client.received(3).length === 100_000);
    expect(client.frames.some((frame) => frame.kind === 'control' && frame.type === frameTypes.synReply)).toBe(true);
  });

  it('answers pings and ends its streams when the client goes', async () => {
    const client = new TestClient();
    const stream = await client.open(1, {});
    client.send(encodeControl(frameTypes.ping, 0, Buffer.from([0, 0, 0, 7])));
    await until(() =>
      client.frames.some((frame) => frame.kind === 'control' && frame.type === frameTypes.ping && frame.body[3] === 7),
    );
    client.session.close();
    await client.session.closed;
    await until(() => stream.destroyed);
  });

  it('ends the connection on nonsense', async () => {
    const client = new TestClient();
    client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    client.send(Buffer.from([0x80, 9, 0, 1, 0, 0, 0, 0]));
    await client.session.closed;
  });
});
