import type { Clock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { AnswerTeller, Asker } from './dns-metrics.ts';
import type { CachedAnswer } from './forward/answer-cache.ts';
import type { ForeignNames } from './forward/foreign-names.ts';
import { foreignQuestion, questionFor } from './forward/foreign-question.ts';
import type { LoopGuard } from './forward/loop-guard.ts';
import { addressRecordsOf, answerFrom } from './wire/foreign-answer.ts';
import { parseQuery, type Query } from './wire/query.ts';
import { type Rcode, tcpBytesMax } from './wire/record-types.ts';
import { type DnsRecord, encodeRefusal, encodeResponse, noRecords, type Response } from './wire/response.ts';
import type { ClusterView } from './zone/cluster-view.ts';
import { resolveInZone, type ZoneOptions, zoneStart } from './zone/zone.ts';

export interface QueryHandlerDeps {
  readonly view: ClusterView;
  readonly foreignNames: ForeignNames;
  readonly guard: Pick<LoopGuard, 'hasArrived'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly told?: AnswerTeller;
}

/**
 * One message in, one message out; undefined for what deserves no answer. What is known is answered at once, without a
 * promise: that is nearly everything. Rejects only for the signal.
 */
export type QueryHandler = (
  message: Buffer,
  from: Asker,
  signal: AbortSignal,
) => Buffer | undefined | Promise<Buffer | undefined>;

export function createQueryHandler(deps: QueryHandlerDeps, options: ZoneOptions): QueryHandler {
  const { view, foreignNames, guard, clock, random, told } = deps;

  const answerForeign = (query: Query, limit: number, signal: AbortSignal): Answering => {
    if (guard.hasArrived(query.name)) return by('loop', encodeResponse(query, failure('REFUSED'), limit));
    const question = foreignQuestion(query);
    const cached = foreignNames.cached(question);
    if (cached) return by('cache', answerFrom(cached.answer, query, cached.ageSeconds, limit));
    const give = (found: CachedAnswer | undefined) =>
      found
        ? answerFrom(found.answer, query, found.ageSeconds, limit)
        : encodeResponse(query, failure('SERVFAIL'), limit);
    return by('forward', foreignNames.resolve(question, signal).then(give));
  };

  /** The alias is ours, what it leads to is not: both go into one answer, so that the client need not ask again. */
  const answerAlias = async (query: Query, aliases: readonly DnsRecord[], target: string, signal: AbortSignal) => {
    const question = questionFor(target, query.typeCode);
    const found = question && (foreignNames.cached(question) ?? (await foreignNames.resolve(question, signal)));
    const { answer, ageSeconds = 0 } = found ?? {};
    const further = answer ? addressRecordsOf(answer) : [];
    return positive([
      ...aliases,
      ...further.map((record) => ({ ...record, ttl: Math.max(0, (record.ttl ?? 0) - ageSeconds) })),
    ]);
  };

  const no = (query: Query, rcode: Rcode, limit: number) => {
    const authorities = [zoneStart(options, view.serial)];
    return encodeResponse(query, { rcode, isAuthoritative: true, answers: [], authorities, additionals: [] }, limit);
  };

  const answer = (query: Query, { transport, address }: Asker, signal: AbortSignal): Answering => {
    const limit = transport === 'udp' ? query.udpSizeMax : tcpBytesMax;
    const result = resolveInZone({ name: query.name, type: query.type, source: address }, view, options);
    switch (result.kind) {
      case 'foreign':
        return answerForeign(query, limit, signal);
      case 'unknown-yet':
        return by('kubernetes', encodeResponse(query, failure('SERVFAIL'), limit));
      case 'alias': {
        const whole = answerAlias(query, result.answers, result.target, signal);
        return by(
          'kubernetes',
          whole.then((response) => encodeResponse(query, response, limit)),
        );
      }
      case 'nxdomain':
        return by('kubernetes', no(query, 'NXDOMAIN', limit));
      case 'found': {
        if (result.answers.length === 0) return by('kubernetes', no(query, 'NOERROR', limit));
        const response = positive(shuffled(result.answers, random), result.additionals);
        return by('kubernetes', encodeResponse(query, response, limit));
      }
    }
  };

  return (message, from, signal) => {
    const parsed = parseQuery(message);
    if (parsed.kind === 'ignored') return undefined;
    const startedMs = clock.monotonicMs();
    const { query } = parsed;
    const { plugin, bytes } =
      parsed.kind === 'refused' ? by('', encodeRefusal(parsed)) : answer(parsed.query, from, signal);
    if (!told) return bytes;
    const tell = (sent: Buffer) => {
      told({ query, from, plugin, questionBytes: message.length, answer: sent, ms: clock.monotonicMs() - startedMs });
      return sent;
    };
    return Buffer.isBuffer(bytes) ? tell(bytes) : bytes.then(tell);
  };
}

/** Who answered, in the words of upstream's server: its plugins. */
interface Answering {
  readonly plugin: string;
  readonly bytes: Buffer | Promise<Buffer>;
}

function by(plugin: string, bytes: Buffer | Promise<Buffer>): Answering {
  return { plugin, bytes };
}

function failure(rcode: Rcode): Response {
  return { rcode, isAuthoritative: false, ...noRecords };
}

function positive(answers: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): Response {
  return { rcode: 'NOERROR', isAuthoritative: true, answers, authorities: [], additionals };
}

/** Clients take the first; the alias before its addresses stays first. */
function shuffled(records: readonly DnsRecord[], random: Random): readonly DnsRecord[] {
  if (records.length < 2) return records;
  const aliases = records.filter((each) => each.type === 'CNAME');
  const others = records.filter((each) => each.type !== 'CNAME');
  for (let i = others.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    const [a, b] = [others[i], others[j]];
    if (a && b) [others[i], others[j]] = [b, a];
  }
  return [...aliases, ...others];
}
