/** Counters, histograms and gauges in Prometheus' text format. Labels are text, made by the caller: `verb="GET",resource="pods"`. */

/** Different label sets of a metric; what comes from clients (verbs, codes) must not grow memory without end. */
const seriesMax = 10_000;

export class Counter {
  readonly #values = new Map<string, number>();

  add(series: string, by = 1): void {
    const value = this.#values.get(series);
    if (value === undefined && this.#values.size >= seriesMax) return;
    this.#values.set(series, (value ?? 0) + by);
  }

  lines(name: string, constant: string): string[] {
    return Array.from(this.#values, ([series, value]) => `${name}${braces(series, constant)} ${value}`);
  }
}

interface Distribution {
  readonly counts: number[];
  count: number;
  sum: number;
}

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #values = new Map<string, Distribution>();

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  observe(series: string, value: number): void {
    let seen = this.#values.get(series);
    if (!seen) {
      if (this.#values.size >= seriesMax) return;
      seen = { counts: new Array<number>(this.#bounds.length).fill(0), count: 0, sum: 0 };
      this.#values.set(series, seen);
    }
    seen.count++;
    seen.sum += value;
    for (let bucket = 0; bucket < this.#bounds.length; bucket++) {
      if (value > (this.#bounds[bucket] as number)) continue;
      seen.counts[bucket] = (seen.counts[bucket] as number) + 1;
      return;
    }
  }

  lines(name: string, constant: string): string[] {
    const lines: string[] = [];
    for (const [series, { counts, count, sum }] of this.#values) {
      let below = 0;
      for (const [index, bound] of this.#bounds.entries()) {
        below += counts[index] ?? 0;
        lines.push(`${name}_bucket${braces(series, constant, `le="${bound}"`)} ${below}`);
      }
      lines.push(`${name}_bucket${braces(series, constant, 'le="+Inf"')} ${count}`);
      lines.push(`${name}_sum${braces(series, constant)} ${sum}`, `${name}_count${braces(series, constant)} ${count}`);
    }
    return lines;
  }
}

/** What a gauge shows when somebody asks: labels and value. */
export type Reading = readonly (readonly [series: string, value: number])[];

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'histogram' | 'gauge';
  readonly help: string;
  lines(): readonly string[];
}

export interface Description {
  readonly name: string;
  readonly help: string;
  /** Labels that every series of the metric has. */
  readonly constant?: string;
}

export class Metrics {
  readonly #metrics: Metric[] = [];

  counter({ name, help, constant = '' }: Description): Counter {
    const counter = new Counter();
    this.#metrics.push({ name, type: 'counter', help, lines: () => counter.lines(name, constant) });
    return counter;
  }

  histogram({ name, help, constant = '' }: Description, bounds: readonly number[]): Histogram {
    const histogram = new Histogram(bounds);
    this.#metrics.push({ name, type: 'histogram', help, lines: () => histogram.lines(name, constant) });
    return histogram;
  }

  /** A value that is read when somebody asks. `type`: a counter that somebody else counts. */
  gauge({ name, help, constant = '' }: Description, read: () => Reading, type: 'gauge' | 'counter' = 'gauge'): void {
    const lines = () => read().map(([series, value]) => `${name}${braces(series, constant)} ${value}`);
    this.#metrics.push({ name, type, help, lines });
  }

  text(): string {
    const lines = this.#metrics.flatMap(({ name, type, help, lines: values }) => {
      const shown = values();
      return shown.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...shown];
    });
    return `${lines.join('\n')}\n`;
  }
}

function braces(...labels: readonly string[]): string {
  const given = labels.filter((label) => label !== '').join(',');
  return given === '' ? '' : `{${given}}`;
}
