import { createServer, type Server } from 'node:http';
import type { EndpointSlice, Service } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import type { EventRecorder } from '@slipway/client/events';
import { messageOf } from '@slipway/kit/errors';
import { ChangedServices } from './changed-services.ts';
import { backendsOf } from './service-endpoints.ts';

export interface HealthCheckDeps {
  readonly services: CacheReader<Service>;
  readonly endpointSlices: CacheReader<EndpointSlice>;
  readonly events: EventRecorder;
}

interface Answer {
  readonly service: Service;
  readonly localEndpoints: number;
}

/**
 * Answers on `spec.healthCheckNodePort` of services with externalTrafficPolicy Local: 200 when this node has a pod that
 * takes traffic, 503 when not. Load balancers of others ask, to send nothing to nodes that would drop it.
 */
export class HealthCheckPorts {
  readonly #deps: HealthCheckDeps;
  readonly #nodeName: string;
  readonly #answers = new Map<number, Answer>();
  readonly #servers = new Map<number, Server>();
  /** Service → its port. */
  readonly #ports = new Map<string, number>();

  constructor(deps: HealthCheckDeps, { nodeName }: { readonly nodeName: string }) {
    this.#deps = deps;
    this.#nodeName = nodeName;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { services, endpointSlices } = this.#deps;
    const changed = new ChangedServices(services, endpointSlices, () => this.#follow(changed));
    this.#follow(changed);
    await new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    changed.stop();
    for (const port of [...this.#servers.keys()]) this.#close(port);
  }

  #follow(changed: ChangedServices): void {
    for (const key of changed.take()) {
      const service = this.#deps.services.get(key);
      const port = service && portOf(service);
      const before = this.#ports.get(key);
      if (before !== undefined && before !== port) {
        this.#ports.delete(key);
        this.#close(before);
      }
      if (!service || port === undefined) continue;
      this.#ports.set(key, port);
      this.#answers.set(port, { service, localEndpoints: this.#localEndpoints(service, changed.slicesOf(key)) });
      if (!this.#servers.has(port)) this.#open(port, service);
    }
  }

  /** Pods, whatever number of ports they serve. */
  #localEndpoints({ spec }: Service, slices: readonly EndpointSlice[]): number {
    const place = { nodeName: this.#nodeName };
    const pods = (spec.ports ?? []).flatMap((port) =>
      ([4, 6] as const).flatMap((family) =>
        backendsOf(port, family, slices, place).local.map(({ address }) => address),
      ),
    );
    return new Set(pods).size;
  }

  #open(port: number, about: Service): void {
    const server = createServer((_, response) => {
      const answer = this.#answers.get(port);
      const localEndpoints = answer?.localEndpoints ?? 0;
      const { namespace, name } = answer?.service.metadata ?? {};
      response.writeHead(localEndpoints > 0 ? 200 : 503, {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': String(localEndpoints),
      });
      response.end(JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true }));
    });
    server.on('error', (error) => {
      const { namespace, name } = about.metadata;
      const what = `node ${this.#nodeName} failed to start healthcheck "${namespace}/${name}" on port ${port}`;
      const message = `${what}: ${messageOf(error)}`;
      this.#deps.events.record({ about, type: 'Warning', reason: 'FailedToStartServiceHealthcheck', message });
    });
    server.listen(port);
    server.unref();
    this.#servers.set(port, server);
  }

  #close(port: number): void {
    this.#answers.delete(port);
    const server = this.#servers.get(port);
    this.#servers.delete(port);
    server?.close();
    server?.closeAllConnections();
  }
}

function portOf({ spec }: Service): number | undefined {
  const isAsked = spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';
  return isAsked && spec.healthCheckNodePort ? spec.healthCheckNodePort : undefined;
}
