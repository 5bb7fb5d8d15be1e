import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { Answer } from 'dns-packet';
import dnsPacket from 'dns-packet';
import { AnswerCache } from './answer-cache.ts';
import type { Forwarder } from './forwarder.ts';
import {
  encodeRefusal,
  encodeResponse,
  parseQuery,
  type Query,
  type Rcode,
  type Response,
  truncated,
  tryDecode,
} from './message.ts';
import { layoutOf, readdress } from './wire.ts';
import { type ClusterView, resolveInZone, type ZoneOptions, type ZoneRecord } from './zone.ts';

export type Transport = 'udp' | 'tcp';

export interface QueryHandlerDeps {
  readonly view: ClusterView;
  readonly forwarder: Forwarder;
  readonly clock: Clock;
  readonly random: Random;
}

/** Seconds; what upstream's server uses for cluster names. Short, because endpoints come and go. */
const recordTtl = 5;
const tcpBytesMax = 65_535;

/** One message in, one message out; undefined for what deserves no answer. Never throws but for the signal. */
export type QueryHandler = (message: Buffer, transport: Transport, signal: AbortSignal) => Promise<Buffer | undefined>;

export function createQueryHandler(deps: QueryHandlerDeps, options: ZoneOptions): QueryHandler {
  const cache = new AnswerCache(deps.clock);
  /** The same question from many pods at once goes out once. */
  const asked = new Map<string, Promise<Buffer | undefined>>();

  const lookUp = (message: Buffer, query: Query, transport: Transport, signal: AbortSignal) => {
    const key = cacheKey(query);
    const kept = cache.get(key);
    if (kept) return Promise.resolve(readdress(kept.answer, kept.layout, message, kept.ageSeconds));
    const inFlight = asked.get(`${transport} ${key}`);
    if (inFlight) return inFlight.then((answer) => answer && adapt(answer, message));
    const started = deps.forwarder
      .forward(message, transport, signal)
      .finally(() => asked.delete(`${transport} ${key}`));
    asked.set(`${transport} ${key}`, started);
    return started.then((answer) => {
      if (answer) cache.put(key, Buffer.from(answer));
      return answer;
    });
  };

  const answerForeign = async (message: Buffer, query: Query, transport: Transport, signal: AbortSignal) => {
    const answer = await lookUp(message, query, transport, signal);
    if (!answer) return encodeResponse(query, failure('SERVFAIL'), limitOf(query, transport));
    if (answer.length <= limitOf(query, transport)) return answer;
    const layout = layoutOf(answer);
    return layout
      ? truncated(answer, layout.questionEnd)
      : encodeResponse(query, failure('SERVFAIL'), limitOf(query, transport));
  };

  /** The alias is ours, what it leads to is not: both go into one answer, so that the client need not ask again. */
  const answerAlias = async (
    query: Query,
    aliases: readonly Answer[],
    target: string,
    signal: AbortSignal,
  ): Promise<Response> => {
    const question = dnsPacket.encode({
      type: 'query',
      id: query.id,
      flags: dnsPacket.RECURSION_DESIRED,
      questions: [{ name: target, type: query.type as 'A', class: 'IN' }],
    });
    const parsed = parseQuery(question);
    const bytes = parsed.kind === 'query' ? await lookUp(question, parsed.query, 'udp', signal) : undefined;
    const further = bytes && tryDecode(bytes);
    const answers = (further?.answers ?? []).filter((record) => ['A', 'AAAA', 'CNAME'].includes(record.type));
    return {
      rcode: 'NOERROR',
      isAuthoritative: true,
      answers: [...aliases, ...answers],
      authorities: [],
      additionals: [],
    };
  };

  return async (message, transport, signal) => {
    const parsed = parseQuery(message);
    if (parsed.kind === 'ignored') return undefined;
    if (parsed.kind === 'refused') return encodeRefusal(parsed.id, parsed.rcode);
    const { query } = parsed;
    const limit = limitOf(query, transport);
    const answer = resolveInZone(query.name.toLowerCase(), query.type, deps.view, options);
    switch (answer.kind) {
      case 'foreign':
        return answerForeign(message, query, transport, signal);
      case 'unknown-yet':
        return encodeResponse(query, failure('SERVFAIL'), limit);
      case 'alias': {
        const aliases = answer.answers.map(toAnswer);
        return encodeResponse(query, await answerAlias(query, aliases, answer.target, signal), limit);
      }
      case 'nxdomain':
        return encodeResponse(
          query,
          { ...failure('NXDOMAIN'), isAuthoritative: true, authorities: [soa(options)] },
          limit,
        );
      case 'found': {
        const answers = shuffled(answer.answers, deps.random).map(toAnswer);
        const authorities = answers.length === 0 ? [soa(options)] : [];
        const additionals = answer.additionals.map(toAnswer);
        return encodeResponse(
          query,
          { rcode: 'NOERROR', isAuthoritative: true, answers, authorities, additionals },
          limit,
        );
      }
    }
  };
}

function limitOf(query: Query, transport: Transport): number {
  return transport === 'udp' ? query.udpSizeMax : tcpBytesMax;
}

function cacheKey({ name, type, hasEdns, isDnssecOk, isCheckingDisabled, isRecursionDesired }: Query): string {
  return [name.toLowerCase(), type, hasEdns, isDnssecOk, isCheckingDisabled, isRecursionDesired].join(' ');
}

function adapt(answer: Buffer, message: Buffer): Buffer {
  const layout = layoutOf(answer);
  return layout ? readdress(answer, layout, message, 0) : answer;
}

function failure(rcode: Rcode): Response {
  return { rcode, isAuthoritative: false, answers: [], authorities: [], additionals: [] };
}

function toAnswer(record: ZoneRecord): Answer {
  const { type, name } = record;
  if (record.type === 'SRV') return { type: 'SRV', name, ttl: recordTtl, class: 'IN', data: { ...record.data } };
  if (type === 'TXT') return { type, name, ttl: recordTtl, class: 'IN', data: [record.data] };
  return { type: record.type as 'A', name, ttl: recordTtl, class: 'IN', data: record.data };
}

/** Says how long "no such name" holds. */
function soa({ domain }: ZoneOptions): Answer {
  return {
    type: 'SOA',
    name: domain,
    ttl: recordTtl,
    class: 'IN',
    data: {
      mname: `ns.dns.${domain}`,
      rname: `hostmaster.${domain}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: recordTtl,
    },
  };
}

/** Clients take the first; the alias before its addresses stays first. */
function shuffled(records: readonly ZoneRecord[], random: Random): readonly ZoneRecord[] {
  const aliases = records.filter((each) => each.type === 'CNAME');
  const others = records.filter((each) => each.type !== 'CNAME');
  for (let i = others.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    const [a, b] = [others[i], others[j]];
    if (a && b) [others[i], others[j]] = [b, a];
  }
  return [...aliases, ...others];
}
