import fc from 'fast-check';
import type { AgentMessage } from './agent-message.ts';
import { IncomingStream, OutgoingStream } from './data-channel.ts';

const messageOf = (sequenceNumber: number): AgentMessage => ({
  type: 'input_stream_data',
  createdMs: 1,
  sequenceNumber,
  flags: 0,
  id: '',
  payloadType: 1,
  payload: Buffer.from([sequenceNumber]),
});
const numbersOf = (messages: readonly AgentMessage[]) => messages.map(({ sequenceNumber }) => sequenceNumber);
const encode = (sequenceNumber: number) => Buffer.from([sequenceNumber]);

describe('what comes', () => {
  it('is read once and in order, in whatever order and however often it comes', () => {
    const arrivals = fc.integer({ min: 1, max: 30 }).chain((count) =>
      fc.array(fc.integer({ min: 0, max: count - 1 }), { maxLength: 60 }).chain((more) =>
        fc.shuffledSubarray([...Array.from({ length: count }, (_, at) => at), ...more], {
          minLength: count + more.length,
        }),
      ),
    );
    fc.assert(
      fc.property(arrivals, (order) => {
        const stream = new IncomingStream({ aheadMax: 100, aheadBytesMax: 100 });
        const read = order.flatMap((number) => numbersOf(stream.take(messageOf(number), true).messages));
        expect(read).toEqual([...new Set(order)].sort((one, other) => one - other));
      }),
    );
  });

  it('is acknowledged when it comes again, and not when there is no room for it', () => {
    const stream = new IncomingStream({ aheadMax: 3, aheadBytesMax: 3 });
    expect(stream.take(messageOf(0), false)).toEqual({ isAcknowledged: false, messages: [] });
    expect(numbersOf(stream.take(messageOf(0), true).messages)).toEqual([0]);
    expect(stream.take(messageOf(0), false)).toEqual({ isAcknowledged: true, messages: [] });
    expect(stream.take(messageOf(2), true).isAcknowledged).toBe(true);
    expect(stream.take(messageOf(2), true).isAcknowledged).toBe(true);
    expect(stream.take(messageOf(3), true).isAcknowledged).toBe(true);
    expect(stream.take(messageOf(9), true).isAcknowledged).toBe(false);
    expect(numbersOf(stream.take(messageOf(1), true).messages)).toEqual([1, 2, 3]);
    const large = { ...messageOf(5), payload: Buffer.alloc(4) };
    expect(stream.take(large, true).isAcknowledged).toBe(false);
  });
});

describe('what goes', () => {
  it('is repeated, the oldest first, at times that grow up to a second, until it is acknowledged', () => {
    const stream = new OutgoingStream({ messagesMax: 10 });
    stream.add(encode, 0);
    stream.add(encode, 0);
    const repeated: number[] = [];
    for (let nowMs = 0; nowMs <= 5_000; nowMs += 50) {
      if (stream.repeat(nowMs)) repeated.push(nowMs);
    }
    expect(repeated).toEqual([200, 600, 1_400, 2_400, 3_400, 4_400]);
    stream.acknowledge(0);
    expect(stream.repeat(10_000)).toEqual(Buffer.from([1]));
    stream.acknowledge(1);
    expect([stream.isEmpty, stream.dueMs, stream.repeat(20_000)]).toEqual([true, undefined, undefined]);
  });

  it('is bounded', () => {
    const stream = new OutgoingStream({ messagesMax: 2 });
    stream.add(encode, 0);
    expect(stream.isFull).toBe(false);
    stream.add(encode, 0);
    expect(stream.isFull).toBe(true);
  });

  it('is sent again over a new connection; what the client had already counts as delivered by the next acknowledgement', () => {
    const stream = new OutgoingStream({ messagesMax: 10 });
    for (let i = 0; i < 4; i++) stream.add(encode, 0);
    stream.acknowledge(0);
    expect(stream.reconnected(100).map((bytes) => bytes[0])).toEqual([1, 2, 3]);
    // The client had 1 and says nothing of it; 2 was new to it.
    stream.acknowledge(2);
    expect(stream.reconnected(200).map((bytes) => bytes[0])).toEqual([3]);
    // Over one connection a later acknowledgement says nothing of an older message: it may have been dropped.
    const other = new OutgoingStream({ messagesMax: 10 });
    other.add(encode, 0);
    other.add(encode, 0);
    other.acknowledge(1);
    expect(other.repeat(200)).toEqual(Buffer.from([0]));
  });
});

describe('both ends over a network that loses, doubles and swaps', () => {
  it('carry everything, once and in order', () => {
    const fates = fc.array(fc.constantFrom('pass', 'lose', 'double', 'delay'), { maxLength: 200 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fates, (count, fate) => {
        const outgoing = new OutgoingStream({ messagesMax: 8 });
        const incoming = new IncomingStream({ aheadMax: 8, aheadBytesMax: 100 });
        const read: number[] = [];
        let delayed: (() => void)[] = [];
        let turn = 0;
        const carry = (deliver: () => void) => {
          const what = fate[turn++] ?? 'pass';
          if (what === 'delay') delayed.push(deliver);
          else if (what !== 'lose') deliver();
          if (what === 'double') deliver();
        };
        const send = (bytes: Buffer) => {
          const number = bytes[0] ?? 0;
          carry(() => {
            const { isAcknowledged, messages } = incoming.take(messageOf(number), true);
            read.push(...numbersOf(messages));
            if (isAcknowledged) carry(() => outgoing.acknowledge(number));
          });
        };
        let next = 0;
        for (let nowMs = 0; (next < count || !outgoing.isEmpty) && nowMs < 1_000_000; nowMs += 100) {
          while (next < count && !outgoing.isFull) {
            send(outgoing.add(encode, nowMs));
            next += 1;
          }
          const late = delayed;
          delayed = [];
          for (const deliver of late.reverse()) deliver();
          const again = outgoing.repeat(nowMs);
          if (again) send(again);
        }
        expect(read).toEqual(Array.from({ length: count }, (_, at) => at));
      }),
    );
  });
});
