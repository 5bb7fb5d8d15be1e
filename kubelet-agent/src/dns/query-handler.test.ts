import { VirtualClock } from '@slipway/kit/virtual-clock';
import { neverAborted } from '@slipway/kit/abort';
import { seededRandom } from '@slipway/kit/random';
import dnsPacket, { type Answer, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { ForeignNames } from './forward/foreign-names.ts';
import { encodeQuestion } from './forward/foreign-question.ts';
import type { Forwarder } from './forward/forwarder.ts';
import { createQueryHandler, type QueryHandler } from './query-handler.ts';
import { readForeignAnswer } from './wire/foreign-answer.ts';
import type { ClusterView, ServiceRecord } from './zone/cluster-view.ts';

const pods = Array.from({ length: 200 }, (_, i) => ({
  address: `10.64.${i >> 6}.${(i & 63) + 2}`,
  hostname: `p-${i}`,
  ports: [],
}));
const headless: ServiceRecord = {
  namespace: 'default',
  name: 'db',
  isHeadless: true,
  externalName: undefined,
  clusterIps: [],
  ports: [],
};
const outside: ServiceRecord = { ...headless, name: 'out', isHeadless: false, externalName: 'www.example.com' };
const view: ClusterView = {
  isReady: true,
  serial: 1,
  networksOf: () => [],
  aliasAddresses: () => [],
  aliasesWithIp: () => [],
  hasNamespace: () => true,
  service: (_, name) => [headless, outside].find((each) => each.name === name),
  endpoints: (_, name) => (name === 'db' ? pods : []),
  servicesWithIp: () => [],
  endpointsWithIp: () => [],
};

interface Fixture {
  readonly handle: QueryHandler;
  readonly clock: VirtualClock;
  readonly forwarded: string[];
}

/** An upstream that answers every name with one address, or as told. */
function createFixture(reply: (question: Packet) => Partial<Packet> | undefined = () => undefined): Fixture {
  const clock = new VirtualClock();
  const forwarded: string[] = [];
  const forwarder: Forwarder = {
    async forward(asked) {
      const question = dnsPacket.decode(encodeQuestion(asked, seededRandom(1), true));
      const name = question.questions?.[0]?.name?.toLowerCase() ?? '';
      forwarded.push(name);
      if (name === 'dead.example.com') return undefined;
      const answers: Answer[] = [{ type: 'A', name, ttl: 60, class: 'IN', data: '203.0.113.5' }];
      const message = dnsPacket.encode({
        type: 'response',
        id: question.id ?? 0,
        questions: question.questions ?? [],
        answers,
        ...reply(question),
      });
      return readForeignAnswer(message);
    },
  };
  const options = { domain: 'cluster.local', dnsIp: '10.96.0.10', ownNetworks: [] };
  const deps = { view, clock, random: seededRandom(1), guard: { hasArrived: () => false } };
  const handle = createQueryHandler({ ...deps, foreignNames: new ForeignNames(forwarder, clock) }, options);
  return { handle, clock, forwarded };
}

const query = (name: string, { type = 'A', id = 7, edns = 0 } = {}) =>
  dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as 'A', class: 'IN' }],
    additionals: edns
      ? [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: edns,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
const ask = async (handle: QueryHandler, message: Buffer, transport: 'udp' | 'tcp' = 'udp') => {
  const answer = await handle(message, { transport, address: '10.64.0.9' }, neverAborted);
  if (!answer) throw new Error('no answer');
  return { ...dnsPacket.decode(answer), bytes: answer.length } as ReturnType<typeof dnsPacket.decode> & {
    readonly bytes: number;
    readonly rcode?: string;
  };
};

describe('createQueryHandler', () => {
  it('repeats id and spelling, and says NXDOMAIN with how long that holds', async () => {
    const { handle } = createFixture();
    const answer = await ask(handle, query('NoPe.default.SVC.cluster.local', { id: 4711 }));
    expect(answer).toMatchObject({ id: 4711, flag_aa: true, flag_ra: true, flag_rd: true, rcode: 'NXDOMAIN' });
    expect(answer.questions?.[0]?.name).toBe('NoPe.default.SVC.cluster.local');
    expect(answer.authorities?.[0]).toMatchObject({ type: 'SOA', name: 'cluster.local' });
  });

  it('truncates to what the client takes, and sends all by TCP', async () => {
    const { handle } = createFixture();
    const name = 'db.default.svc.cluster.local';
    const plain = await ask(handle, query(name));
    expect(plain.flag_tc).toBe(true);
    expect(plain.bytes).toBeLessThanOrEqual(512);
    const edns = await ask(handle, query(name, { edns: 4096 }));
    expect(edns.bytes).toBeLessThanOrEqual(1232);
    expect(edns.additionals?.[0]?.type).toBe('OPT');
    const whole = await ask(handle, query(name), 'tcp');
    expect(whole.flag_tc).toBe(false);
    expect(whole.answers).toHaveLength(200);
  });

  it('forwards the rest, once while it holds', async () => {
    const { handle, clock, forwarded } = createFixture();
    const [first, second] = await Promise.all([
      ask(handle, query('example.com', { id: 1 })),
      ask(handle, query('EXAMPLE.com', { id: 2 })),
    ]);
    expect([first.id, second.id]).toEqual([1, 2]);
    expect(second.questions?.[0]?.name).toBe('EXAMPLE.com');
    await clock.advance(20_000);
    const third = await ask(handle, query('example.com', { id: 3 }));
    expect(third.answers?.[0]).toMatchObject({ data: '203.0.113.5', ttl: 40 });
    expect(forwarded).toEqual(['example.com']);
    await clock.advance(41_000);
    await ask(handle, query('example.com'));
    expect(forwarded).toHaveLength(2);
  });

  it('keeps a "no" for as long as its SOA says', async () => {
    const soa: Answer = { type: 'SOA', name: 'com', ttl: 300, data: { mname: 'a', rname: 'b', minimum: 10 } };
    const { handle, clock, forwarded } = createFixture(() => ({ flags: 3, answers: [], authorities: [soa] }));
    for (let i = 0; i < 3; i++) expect((await ask(handle, query('nope.com'))).rcode).toBe('NXDOMAIN');
    expect(forwarded).toHaveLength(1);
    await clock.advance(11_000);
    await ask(handle, query('nope.com'));
    expect(forwarded).toHaveLength(2);
  });

  it('fails when no server answers, and follows an alias to outside', async () => {
    const { handle } = createFixture();
    expect((await ask(handle, query('dead.example.com'))).rcode).toBe('SERVFAIL');
    const alias = await ask(handle, query('out.default.svc.cluster.local'));
    expect(alias.answers?.map((each) => each.type)).toEqual(['CNAME', 'A']);
  });

  it('refuses what it does not do', async () => {
    const { handle } = createFixture();
    expect((await ask(handle, query('cluster.local', { type: 'AXFR' }))).rcode).toBe('REFUSED');
    const update = query('cluster.local');
    update.writeUInt16BE(0x2800, 2);
    expect((await ask(handle, update)).rcode).toBe('NOTIMP');
  });

  it('survives any bytes, and answers only with the id that was asked', async () => {
    const { handle } = createFixture();
    const seeds = [query('db.default.svc.cluster.local'), query('example.com', { edns: 4096 })];
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 8 }), fc.nat(60))
      .map(([seed, changes, cut]) => {
        const bytes = Buffer.from(seed.subarray(0, Math.max(0, seed.length - cut)));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes;
      });
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 80 }).map((each) => Buffer.from(each)),
      mutated,
    );
    await fc.assert(
      fc.asyncProperty(anything, async (message) => {
        const answer = await handle(message, { transport: 'udp', address: '10.64.0.9' }, neverAborted);
        if (!answer) return;
        expect(answer.readUInt16BE(0)).toBe(message.readUInt16BE(0));
        expect(answer.length).toBeLessThanOrEqual(1232);
      }),
      { numRuns: 500 },
    );
  });
});
