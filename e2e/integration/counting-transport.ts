import type { ApiRequest, Transport } from '@slipway/api/transport';

/** Requests by what they do: `create pods`, `update deployments/status`. */
export class RequestCounts {
  readonly #counts = new Map<string, number>();

  /** The same transport, counted. */
  through(plain: Transport): Transport {
    return {
      watch: (request, signal) => plain.watch(request, signal),
      send: (request, signal) => {
        const name = nameOf(request);
        this.#counts.set(name, this.of(name) + 1);
        return plain.send(request, signal);
      },
    };
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** All but events, which have a limit of their own. */
  get total(): number {
    return [...this.#counts].reduce((sum, [name, count]) => (name.endsWith(' events') ? sum : sum + count), 0);
  }

  get all(): readonly (readonly [name: string, count: number])[] {
    return [...this.#counts];
  }

  reset(): void {
    this.#counts.clear();
  }

  toString(): string {
    return [...this.#counts].map(([name, count]) => `${count} × ${name}`).join(', ');
  }
}

function nameOf({ verb, path }: ApiRequest): string {
  return `${verb} ${path.resource}${path.subresource ? `/${path.subresource}` : ''}`;
}
