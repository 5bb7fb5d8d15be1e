import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom, systemRandom } from '@slipway/kit/random';
import dnsPacket, { type Packet } from 'dns-packet';
import { addressRecordsOf } from '../wire/foreign-answer.ts';
import { rcodes, recordTypes } from '../wire/record-types.ts';
import { lengthPrefix, type Upstream } from './exchange.ts';
import { type ForeignQuestion, questionFor } from './foreign-question.ts';
import { createForwarder } from './forwarder.ts';
import { LoopGuard } from './loop-guard.ts';

type Reply = (question: Packet, transport: 'udp' | 'tcp') => readonly Buffer[];

const answerTo = (question: Packet, data: string, more: Partial<Packet> = {}) =>
  dnsPacket.encode({
    type: 'response',
    id: question.id ?? 0,
    questions: question.questions ?? [],
    answers: [{ type: 'A', name: question.questions?.[0]?.name ?? '', ttl: 60, class: 'IN', data }],
    ...more,
  });
const rcode = (question: Packet, code: number) => answerTo(question, '', { answers: [], flags: code });
const truncatedFlag = 0x0200;

/** Servers that answer as told, on loopback. */
class Servers {
  readonly #closes: (() => void)[] = [];
  readonly asked: string[] = [];

  async start(name: string, reply: Reply): Promise<Upstream> {
    const handle = (message: Buffer, transport: 'udp' | 'tcp') => {
      const question = dnsPacket.decode(message);
      // A guard's own question, see loop-guard.ts.
      if (question.questions?.[0]?.type === 'HINFO') return [];
      this.asked.push(`${name} ${transport}`);
      return reply(question, transport);
    };
    const udp: Socket = createSocket('udp4');
    udp.on('message', (message, from) => {
      for (const each of handle(message, 'udp')) udp.send(each, from.port, from.address);
    });
    udp.bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const { port } = udp.address();
    const tcp = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        for (const each of handle(chunk.subarray(2), 'tcp'))
          socket.write(Buffer.concat([lengthPrefix(each.length), each]));
      });
    });
    tcp.listen(port, '127.0.0.1');
    await once(tcp, 'listening');
    this.#closes.push(
      () => udp.close(),
      () => tcp.close(),
    );
    return { address: '127.0.0.1', port };
  }

  close(): void {
    for (const close of this.#closes) close();
  }
}

describe('createForwarder', () => {
  let servers: Servers;
  beforeEach(() => {
    servers = new Servers();
  });
  afterEach(() => servers.close());

  const question = questionFor('www.example.com', recordTypes.A) as ForeignQuestion;
  const forwarderTo = (...upstreams: Upstream[]) => {
    const deps = { clock: systemClock, random: systemRandom, log: silentLogger };
    return createForwarder({ ...deps, upstreamsFor: async () => upstreams, guard: { usable: (all) => all } });
  };
  const ask = async (...upstreams: Upstream[]) => {
    const answer = await forwarderTo(...upstreams).forward(question, neverAborted);
    return answer && { rcode: answer.rcode, addresses: addressRecordsOf(answer).map(({ data }) => data) };
  };
  const good =
    (data = '203.0.113.1'): Reply =>
    (packet) => [answerTo(packet, data)];
  const closed: Upstream = { address: '127.0.0.1', port: 1 };

  it('goes to the next server when one refuses, fails, or is not there', async () => {
    const refusing = await servers.start('refusing', (packet) => [rcode(packet, rcodes.REFUSED)]);
    const failing = await servers.start('failing', (packet) => [rcode(packet, rcodes.SERVFAIL)]);
    const last = await servers.start('last', good());
    expect(await ask(closed, refusing, failing, last)).toEqual({ rcode: 0, addresses: ['203.0.113.1'] });
    expect(servers.asked).toEqual(['refusing udp', 'failing udp', 'last udp']);
  });

  it('hands on the failure when no server knows better, and nothing when none answers', async () => {
    const failing = await servers.start('failing', (packet) => [rcode(packet, rcodes.SERVFAIL)]);
    expect(await ask(failing, closed)).toEqual({ rcode: rcodes.SERVFAIL, addresses: [] });
    expect(await ask(closed)).toBeUndefined();
    expect(await ask()).toBeUndefined();
  });

  it('asks a server that did not answer last the next time', async () => {
    const deaf = await servers.start('deaf', () => []);
    const last = await servers.start('last', good());
    const forwarder = forwarderTo(deaf, last);
    await forwarder.forward(question, neverAborted);
    await forwarder.forward(question, neverAborted);
    expect(servers.asked).toEqual(['deaf udp', 'last udp', 'last udp']);
  });

  it('asks by TCP when the answer was cut', async () => {
    const server = await servers.start('long', (packet, transport) => [
      transport === 'udp'
        ? answerTo(packet, '', { answers: [], flags: truncatedFlag })
        : answerTo(packet, '203.0.113.2'),
    ]);
    expect(await ask(server)).toEqual({ rcode: 0, addresses: ['203.0.113.2'] });
    expect(servers.asked).toEqual(['long udp', 'long tcp']);
  });

  it('does not believe another id, another name, or a question; and makes sure when only the spelling differs', async () => {
    const lower = (packet: Packet): Packet => ({
      ...packet,
      questions: (packet.questions ?? []).map((each) => ({ ...each, name: each.name.toLowerCase() })),
    });
    const server = await servers.start('forged', (packet, transport) => {
      if (transport === 'tcp') return [answerTo(packet, '203.0.113.3')];
      const other = { ...packet, questions: [{ type: 'A', name: 'other.example', class: 'IN' } as const] };
      return [
        answerTo({ ...packet, id: ((packet.id ?? 0) + 1) & 0xffff }, '198.51.100.1'),
        answerTo(other, '198.51.100.2'),
        answerTo(packet, '198.51.100.3', { type: 'query' }),
        Buffer.from([1, 2, 3]),
        answerTo(lower(packet), '198.51.100.4'),
      ];
    });
    expect(await ask(server)).toEqual({ rcode: 0, addresses: ['203.0.113.3'] });
  });

  it('asks servers older than EDNS in their words', async () => {
    const server = await servers.start('old', (packet) => {
      if (packet.additionals?.length) {
        const header = Buffer.alloc(12);
        header.writeUInt16BE(packet.id ?? 0);
        header.writeUInt16BE(0x8000 | rcodes.FORMERR, 2);
        return [header];
      }
      return [answerTo(packet, '203.0.113.4')];
    });
    expect(await ask(server)).toEqual({ rcode: 0, addresses: ['203.0.113.4'] });
  });

  it('draws ids and spellings by lot', async () => {
    const seen: Packet[] = [];
    const server = await servers.start('seen', (packet) => {
      seen.push(packet);
      return good()(packet, 'udp');
    });
    const forwarder = forwarderTo(server);
    for (let i = 0; i < 8; i++) await forwarder.forward(question, neverAborted);
    expect(new Set(seen.map(({ id }) => id)).size).toBeGreaterThan(4);
    expect(new Set(seen.map(({ questions }) => questions?.[0]?.name)).size).toBeGreaterThan(4);
  });
});

describe('LoopGuard', () => {
  it('leaves a server alone that asks us what we ask it', async () => {
    const servers = new Servers();
    const guard = new LoopGuard({ clock: systemClock, random: seededRandom(1), log: silentLogger });
    const returned = Promise.withResolvers<void>();
    const socket = createSocket('udp4');
    socket.on('message', (message) => {
      const name = dnsPacket.decode(message).questions?.[0]?.name.toLowerCase() ?? '';
      expect(guard.hasArrived(name)).toBe(true);
      returned.resolve();
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const looping = { address: '127.0.0.1', port: socket.address().port };
    const fine = await servers.start('fine', () => []);
    const stop = new AbortController();
    expect(guard.usable([looping, fine], stop.signal)).toEqual([looping, fine]);
    await returned.promise;
    expect(guard.usable([looping, fine], stop.signal)).toEqual([fine]);
    expect(guard.hasArrived('www.example.com')).toBe(false);
    stop.abort();
    socket.close();
    servers.close();
  });
});
