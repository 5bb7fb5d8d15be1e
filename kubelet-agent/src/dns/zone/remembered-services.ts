import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { EndpointRecord, ServiceRecord } from './cluster-view.ts';
import type { ServiceView } from './service-directory.ts';

/** Services that pods of this node asked for; the least recently asked goes first. */
const servicesMax = 500;
/** Of one service; the answer to a single question is not longer. */
const endpointsMax = 200;
const writeEveryMs = 30_000;
const bytesMax = 16 * 1024 * 1024;
const format = 1;

interface Known {
  readonly service: ServiceRecord;
  readonly endpoints: readonly EndpointRecord[];
}

export interface RememberedServicesOptions {
  /** Where they are kept. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The services that this node's pods ask for, kept on disk: an agent that starts while the API server is away answers for
 * them what was true last, and for all others that it does not know. Once the cluster has been read, only that counts.
 */
export class RememberedServices implements ServiceView {
  readonly #live: ServiceView;
  readonly #options: RememberedServicesOptions;
  /** Keys of services, in the order in which they were last asked for. */
  readonly #asked = new Map<string, readonly [namespace: string, name: string]>();
  #remembered: ReadonlyMap<string, Known> = new Map();
  #written = '';
  readonly #loaded = Promise.withResolvers<void>();

  constructor(live: ServiceView, options: RememberedServicesOptions) {
    this.#live = live;
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#live.isReady;
  }

  get serial(): number {
    return this.#live.serial;
  }

  /** Resolves when what an earlier run wrote has been read. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  hasNamespace(namespace: string): boolean {
    if (this.#live.hasNamespace(namespace)) return true;
    return !this.isReady && [...this.#remembered.values()].some(({ service }) => service.namespace === namespace);
  }

  service(namespace: string, name: string): ServiceRecord | undefined {
    const live = this.#live.service(namespace, name);
    if (live) {
      const key = `${namespace}/${name}`;
      const known = this.#asked.get(key);
      this.#asked.delete(key);
      this.#asked.set(key, known ?? [namespace, name]);
      const [oldest] = this.#asked.keys();
      if (this.#asked.size > servicesMax && oldest !== undefined) this.#asked.delete(oldest);
      return live;
    }
    return this.isReady ? undefined : this.#remembered.get(`${namespace}/${name}`)?.service;
  }

  endpoints(namespace: string, name: string): readonly EndpointRecord[] {
    const live = this.#live.endpoints(namespace, name);
    if (live.length > 0 || this.isReady) return live;
    return this.#remembered.get(`${namespace}/${name}`)?.endpoints ?? [];
  }

  servicesWithIp(address: string): readonly ServiceRecord[] {
    return this.#live.servicesWithIp(address);
  }

  endpointsWithIp(address: string): readonly { service: ServiceRecord; endpoint: EndpointRecord }[] {
    return this.#live.endpointsWithIp(address);
  }

  /** Reads what an earlier run wrote, then writes now and then until aborted, and once more then. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#read();
    this.#loaded.resolve();
    while (!signal.aborted) {
      await this.#options.clock.sleep(writeEveryMs, signal).catch(() => {}); // the loop looks at the signal
      await this.#write();
    }
  }

  async #read(): Promise<void> {
    const { path, log } = this.#options;
    const text = await readFile(path, 'utf8').catch(() => undefined); // none on a node's first start
    if (text === undefined || text.length > bytesMax) return;
    try {
      const { version, services } = JSON.parse(text) as { version?: unknown; services?: readonly Known[] };
      if (version !== format || !Array.isArray(services)) return;
      const entries = services.map((known): [string, Known] => [
        `${known.service.namespace}/${known.service.name}`,
        known,
      ]);
      this.#remembered = new Map(entries);
      for (const [key, { service }] of entries) this.#asked.set(key, [service.namespace, service.name]);
      this.#written = text;
    } catch (error) {
      log.warn({ err: error, path }, 'what DNS knew last cannot be read; names are answered once the cluster is known');
    }
  }

  async #write(): Promise<void> {
    if (!this.isReady) return;
    const services = [...this.#asked.values()].flatMap(([namespace, name]): Known[] => {
      const service = this.#live.service(namespace, name);
      return service ? [{ service, endpoints: this.#live.endpoints(namespace, name).slice(0, endpointsMax) }] : [];
    });
    // Not in the order of asking: that changes with every question.
    const sorted = services.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const text = JSON.stringify({ version: format, services: sorted });
    if (text === this.#written || text.length > bytesMax) return;
    const { path, log } = this.#options;
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
      this.#written = text;
    } catch (error) {
      log.warn({ err: error, path }, 'what DNS knows cannot be kept');
    }
  }
}

function keyOf({ service }: Known): string {
  return `${service.namespace}/${service.name}`;
}
