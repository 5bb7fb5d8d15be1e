/** Times of the store below, and how many objects there are, under upstream's names: they say etcd whatever the store is. */
import type { Clock } from '@slipway/kit/clock';
import type { Backend } from '../storage/backend.ts';
import { resourcePrefixOf } from '../storage/keys.ts';
import type { Counter, Histogram, Metrics } from './metrics.ts';

/** Upper bounds in seconds, as upstream's. */
const storageBounds = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/** The same backend with a watch on its calls. */
export function measuredBackend(backend: Backend, metrics: Metrics, clock: Clock): Backend {
  const measure = new Measure(metrics, clock);
  return {
    isLocal: backend.isLocal,
    get: (key, options) => measure.of('get', key, backend.get(key, options)),
    list: (range, options) => measure.of('list', range.from, backend.list(range, options)),
    write: (key, value, expected, options) =>
      measure.of(expected === 0n ? 'create' : 'update', key, backend.write(key, value, expected, options)),
    remove: (key, expected, options) => measure.of('delete', key, backend.remove(key, expected, options)),
    watch: (range, after, signal) => backend.watch(range, after, signal),
    loaded: (signal) => backend.loaded(signal),
    compact: (before, signal) => backend.compact(before, signal),
    close: () => backend.close(),
  };
}

class Measure {
  readonly #clock: Clock;
  readonly #durations: Histogram;
  readonly #requests: Counter;
  readonly #errors: Counter;
  /** Labels by operation and resource: a handful, asked for with every call. */
  readonly #labels = new Map<string, Map<string, string>>();

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    this.#durations = metrics.histogram(
      { name: 'etcd_request_duration_seconds', help: 'Latency of requests to the store for each operation and type.' },
      storageBounds,
    );
    this.#requests = metrics.counter({
      name: 'etcd_requests_total',
      help: 'Requests to the store for each operation and type.',
    });
    this.#errors = metrics.counter({
      name: 'etcd_request_errors_total',
      help: 'Failed requests to the store for each operation and type.',
    });
  }

  /** Answers the same promise: whoever waits for it waits no longer because of this. */
  of<T>(operation: string, key: string, work: Promise<T>): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    const labels = this.#labelsOf(operation, key);
    this.#requests.add(labels);
    const done = () => this.#durations.observe(labels, (this.#clock.monotonicMs() - startMs) / 1000);
    work.then(done, () => {
      this.#errors.add(labels);
      done();
    });
    return work;
  }

  #labelsOf(operation: string, key: string): string {
    const prefix = resourcePrefixOf(key) ?? '';
    let byPrefix = this.#labels.get(operation);
    if (!byPrefix) {
      byPrefix = new Map();
      this.#labels.set(operation, byPrefix);
    }
    const known = byPrefix.get(prefix);
    if (known !== undefined) return known;
    const [, , group = '', resource = ''] = prefix.split('/');
    const labels = `operation="${operation}",type="${qualified(group, resource)}"`;
    if (byPrefix.size < typesMax) byPrefix.set(prefix, labels);
    return labels;
  }
}

/** Custom resources come and go. */
const typesMax = 2_000;

function qualified(group: string, resource: string): string {
  return group === 'core' || group === '' ? resource : `${resource}.${group}`;
}

/** `counts`: objects by resource prefix, read when somebody asks. */
export function addObjectCounts(
  metrics: Metrics,
  counts: () => Iterable<readonly [prefix: string, count: number]>,
): void {
  const readings = (label: (group: string, resource: string) => string) =>
    Array.from(counts(), ([prefix, count]) => {
      const [, , group = '', resource = ''] = prefix.split('/');
      return [label(group === 'core' ? '' : group, resource), count] as const;
    });
  metrics.gauge(
    { name: 'apiserver_storage_objects', help: 'Number of stored objects at the time of last check split by kind.' },
    () => readings((group, resource) => `resource="${qualified(group, resource)}"`),
  );
  metrics.gauge(
    { name: 'apiserver_resource_objects', help: 'Number of stored objects split by group and resource.' },
    () => readings((group, resource) => `group="${group}",resource="${resource}"`),
  );
}
