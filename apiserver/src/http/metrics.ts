/** Counters of the server in Prometheus' text format, under the names of upstream's API server. */

type Labels = Readonly<Record<string, string>>;

/** Upper bounds in seconds, as upstream's. */
const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

interface Duration {
  readonly counts: number[];
  count: number;
  sum: number;
}

/** Different label sets of a metric; what comes from clients (unknown verbs, codes) must not grow memory without end. */
const seriesMax = 10_000;

export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Duration>();
  readonly #gauges = new Map<
    string,
    { readonly help: string; readonly read: () => readonly (readonly [Labels, number])[] }
  >();

  /** A value that is read when somebody asks. */
  gauge(name: string, help: string, read: () => readonly (readonly [Labels, number])[]): void {
    this.#gauges.set(name, { help, read });
  }

  /** `series`: the labels of the request, as text, so that the hot path makes one string and nothing else. */
  observe(series: string, code: number, seconds: number, isLongRunning: boolean): void {
    const key = `code="${code}",${series}`;
    const count = this.#requests.get(key);
    if (count === undefined && this.#requests.size >= seriesMax) return;
    this.#requests.set(key, (count ?? 0) + 1);
    if (isLongRunning) return;
    let duration = this.#durations.get(series);
    if (!duration) {
      duration = { counts: new Array<number>(durationBuckets.length).fill(0), count: 0, sum: 0 };
      this.#durations.set(series, duration);
    }
    duration.count++;
    duration.sum += seconds;
    const bucket = durationBuckets.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) duration.counts[bucket] = (duration.counts[bucket] ?? 0) + 1;
  }

  text(): string {
    const lines: string[] = [];
    describe(
      lines,
      'apiserver_request_total',
      'counter',
      'Counter of apiserver requests broken out for each verb, resource and code.',
    );
    for (const [key, count] of this.#requests) lines.push(`apiserver_request_total{${key}} ${count}`);
    const name = 'apiserver_request_duration_seconds';
    describe(lines, name, 'histogram', 'Response latency distribution in seconds for each verb and resource.');
    for (const [series, duration] of this.#durations) {
      let below = 0;
      for (const [index, bound] of durationBuckets.entries()) {
        below += duration.counts[index] ?? 0;
        lines.push(`${name}_bucket{${series},le="${bound}"} ${below}`);
      }
      lines.push(`${name}_bucket{${series},le="+Inf"} ${duration.count}`);
      lines.push(`${name}_sum{${series}} ${duration.sum}`, `${name}_count{${series}} ${duration.count}`);
    }
    for (const [gauge, { help, read }] of this.#gauges) {
      describe(lines, gauge, 'gauge', help);
      for (const [labels, value] of read()) lines.push(`${gauge}${labelText(labels)} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

function describe(lines: string[], name: string, type: string, help: string): void {
  lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
