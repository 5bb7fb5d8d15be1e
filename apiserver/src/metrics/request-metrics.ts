/** What the HTTP side counts, under the names of upstream's API server. */
import type { Metrics } from './metrics.ts';

const component = 'component="apiserver"';

/** Upper bounds in seconds, as upstream's. */
const requestBounds = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

export class RequestMetrics {
  readonly #requests;
  readonly #durations;
  readonly #dropped;
  readonly #watchEvents;
  readonly #longRunning = new Map<string, number>();

  constructor(metrics: Metrics, inFlight: () => { readonly readOnly: number; readonly mutating: number }) {
    this.#requests = metrics.counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, resource and code.',
      constant: component,
    });
    this.#durations = metrics.histogram(
      {
        name: 'apiserver_request_duration_seconds',
        help: 'Response latency distribution in seconds for each verb and resource; watches and streams are not in it.',
        constant: component,
      },
      requestBounds,
    );
    this.#dropped = metrics.counter({
      name: 'apiserver_dropped_requests_total',
      help: 'Requests that were answered 429 because too many others were in work.',
    });
    this.#watchEvents = metrics.counter({
      name: 'apiserver_watch_events_total',
      help: 'Number of events sent in watch clients.',
    });
    metrics.gauge(
      { name: 'apiserver_current_inflight_requests', help: 'Requests in work, watches and streams not counted.' },
      () => [
        ['request_kind="readOnly"', inFlight().readOnly],
        ['request_kind="mutating"', inFlight().mutating],
      ],
    );
    metrics.gauge(
      { name: 'apiserver_longrunning_requests', help: 'Watches and streams that run now.', constant: component },
      () => [...this.#longRunning],
    );
  }

  /** `series`: the labels of the request, made once. */
  answered(series: string, code: number, seconds: number): void {
    this.#requests.add(`code="${code}",${series}`);
    this.#durations.observe(series, seconds);
  }

  dropped(kind: 'readOnly' | 'mutating'): void {
    this.#dropped.add(`request_kind="${kind}"`);
  }

  longRunningBegan(series: string): void {
    this.#longRunning.set(series, (this.#longRunning.get(series) ?? 0) + 1);
  }

  longRunningEnded(series: string, code: number): void {
    const left = (this.#longRunning.get(series) ?? 1) - 1;
    if (left > 0) this.#longRunning.set(series, left);
    else this.#longRunning.delete(series);
    this.#requests.add(`code="${code}",${series}`);
  }

  watchEvents(series: string, count: number): void {
    this.#watchEvents.add(series, count);
  }
}
