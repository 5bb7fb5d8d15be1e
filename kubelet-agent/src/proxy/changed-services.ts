import type { EndpointSlice, Service } from '@slipway/api/types';
import type { CacheReader, Change } from '@slipway/client/cache';
import { keyOf } from '@slipway/client/kinds';

/** The label by which a slice names its service. */
const serviceNameLabel = 'kubernetes.io/service-name';

/** Follows both caches: which services have to be looked at again, and which slices each has. */
export class ChangedServices {
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #stops: readonly (() => void)[];
  #changed = new Set<string>();

  constructor(services: CacheReader<Service>, endpointSlices: CacheReader<EndpointSlice>, onChange: () => void) {
    for (const service of services.list()) this.#changed.add(keyOf(service));
    for (const slice of endpointSlices.list())
      this.#sliceChanged({ key: keyOf(slice), before: undefined, after: slice });
    this.#stops = [
      services.subscribe((changes) => {
        for (const { key } of changes) this.#changed.add(key);
        onChange();
      }),
      endpointSlices.subscribe((changes) => {
        for (const change of changes) this.#sliceChanged(change);
        onChange();
      }),
    ];
  }

  /** Keys of services that came, changed or went, or whose slices did, since the last call. */
  take(): ReadonlySet<string> {
    const taken = this.#changed;
    this.#changed = new Set();
    return taken;
  }

  add(keys: Iterable<string>): void {
    for (const key of keys) this.#changed.add(key);
  }

  slicesOf(service: string): readonly EndpointSlice[] {
    return [...(this.#slices.get(service)?.values() ?? [])];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #sliceChanged({ key, before, after }: Change<EndpointSlice>): void {
    const [from, to] = [before && serviceOf(before), after && serviceOf(after)];
    if (from) {
      const slices = this.#slices.get(from);
      slices?.delete(key);
      if (slices?.size === 0) this.#slices.delete(from);
      this.#changed.add(from);
    }
    if (!to || !after) return;
    const slices = this.#slices.get(to) ?? new Map<string, EndpointSlice>();
    this.#slices.set(to, slices.set(key, after));
    this.#changed.add(to);
  }
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.[serviceNameLabel];
  return name && `${metadata.namespace}/${name}`;
}
