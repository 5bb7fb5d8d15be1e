import type { Upstream } from './forward/exchange.ts';
import type { Query } from './wire/query.ts';
import { rcodes } from './wire/record-types.ts';

/** Who asks. */
export interface Asker {
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
}

/** One question that was answered. */
export interface Answered {
  /** Undefined when the question could not be read. */
  readonly query: Query | undefined;
  readonly from: Asker;
  /** Which of CoreDNS' plugins would have answered: kubernetes, cache, forward, loop; empty for what none takes. */
  readonly plugin: string;
  readonly questionBytes: number;
  readonly answer: Buffer;
  readonly ms: number;
}

export type AnswerTeller = (answered: Answered) => void;

const server = 'dns://:53';
/** Seconds; as CoreDNS has them: 0.25 ms doubled sixteen times. */
const durationBounds = Array.from({ length: 16 }, (_, i) => 0.00025 * 2 ** i);
const sizeBounds = [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3];
/** Types that upstream counts apart; the rest is `other`, so that no client makes series without end. */
const countedTypes = new Set('A AAAA CNAME DNSKEY DS HTTPS MX NAPTR NS PTR SOA SRV SVCB TXT ANY AXFR IXFR'.split(' '));

const rcodeNames = new Map<number, string>(Object.entries(rcodes).map(([name, code]) => [code, name]));

/** Counts under the names of CoreDNS, so that its dashboards and alerts serve here. */
export class DnsMetrics {
  readonly #zone: string;
  readonly #requests = new Map<string, number>();
  readonly #responses = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();
  readonly #requestSizes = new Map<string, Histogram>();
  readonly #responseSizes = new Map<string, Histogram>();
  readonly #upstreams = new Map<string, Histogram>();
  #dnssecOk = 0;
  #cacheHits = 0;
  #cacheMisses = 0;

  constructor(zone: string) {
    this.#zone = `${zone}.`;
  }

  readonly answered: AnswerTeller = ({ query, from, plugin, questionBytes, answer, ms }) => {
    const zone = plugin === 'kubernetes' ? this.#zone : '.';
    const type = query && countedTypes.has(query.type) ? query.type : 'other';
    const family = from.address.includes(':') ? 2 : 1;
    const rcode = rcodeNames.get(answer.readUInt16BE(2) & 0xf) ?? 'other';
    const place = `server="${server}",zone="${zone}",view=""`;
    const proto = `${place},proto="${from.transport}"`;
    count(this.#requests, `${proto},family="${family}",type="${type}"`);
    count(this.#responses, `${place},rcode="${rcode}",plugin="${plugin}"`);
    histogram(this.#durations, place, durationBounds).add(ms / 1000);
    histogram(this.#requestSizes, proto, sizeBounds).add(questionBytes);
    histogram(this.#responseSizes, proto, sizeBounds).add(answer.length);
    if (query?.isDnssecOk) this.#dnssecOk++;
    if (plugin === 'cache') this.#cacheHits++;
    if (plugin === 'forward') this.#cacheMisses++;
  };

  readonly exchanged = ({ address, port }: Upstream, rcode: number | undefined, ms: number): void => {
    const name = rcode === undefined ? 'timeout' : (rcodeNames.get(rcode) ?? 'other');
    const labels = `proxy_name="forward",to="${address}:${port}",rcode="${name}"`;
    histogram(this.#upstreams, labels, durationBounds).add(ms / 1000);
  };

  /** In the text format of Prometheus. */
  text(cacheEntries: number): string {
    const place = `server="${server}",zones=".",view=""`;
    return [
      ...counters('coredns_dns_requests_total', this.#requests),
      ...counters('coredns_dns_responses_total', this.#responses),
      ...counters('coredns_dns_do_requests_total', new Map([[`server="${server}",zone=".",view=""`, this.#dnssecOk]])),
      ...counters('coredns_cache_hits_total', new Map([[`${place},type="success"`, this.#cacheHits]])),
      ...counters('coredns_cache_misses_total', new Map([[place, this.#cacheMisses]])),
      '# TYPE coredns_cache_entries gauge',
      `coredns_cache_entries{${place},type="success"} ${cacheEntries}`,
      ...histograms('coredns_dns_request_duration_seconds', this.#durations),
      ...histograms('coredns_dns_request_size_bytes', this.#requestSizes),
      ...histograms('coredns_dns_response_size_bytes', this.#responseSizes),
      ...histograms('coredns_proxy_request_duration_seconds', this.#upstreams),
      '',
    ].join('\n');
  }
}

class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #total = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  add(value: number): void {
    this.#sum += value;
    this.#total++;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  lines(name: string, labels: string): string[] {
    let below = 0;
    const buckets = this.#bounds.map((bound, i) => {
      below += this.#counts[i] ?? 0;
      return `${name}_bucket{${labels},le="${bound}"} ${below}`;
    });
    const last = `${name}_bucket{${labels},le="+Inf"} ${this.#total}`;
    return [...buckets, last, `${name}_sum{${labels}} ${this.#sum}`, `${name}_count{${labels}} ${this.#total}`];
  }
}

function count(counts: Map<string, number>, labels: string): void {
  counts.set(labels, (counts.get(labels) ?? 0) + 1);
}

function histogram(all: Map<string, Histogram>, labels: string, bounds: readonly number[]): Histogram {
  let found = all.get(labels);
  if (!found) {
    found = new Histogram(bounds);
    all.set(labels, found);
  }
  return found;
}

function counters(name: string, counts: ReadonlyMap<string, number>): string[] {
  return [`# TYPE ${name} counter`, ...[...counts].map(([labels, value]) => `${name}{${labels}} ${value}`)];
}

function histograms(name: string, all: ReadonlyMap<string, Histogram>): string[] {
  return [`# TYPE ${name} histogram`, ...[...all].flatMap(([labels, each]) => each.lines(name, labels))];
}
