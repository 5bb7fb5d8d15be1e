/**
 * Which API servers serve one store. Each keeps a Lease in kube-system, as upstream's do (`apiserver-HASH` with the label
 * `apiserver.kubernetes.io/identity`), renewed while it lives. A Lease that stays as it is for its whole duration, by the clock of
 * whoever looks, belongs to a dead server: it is removed, and the server's address goes from the endpoints of `default/kubernetes`.
 */
import { createHash } from 'node:crypto';
import { isStatus, StatusError } from '@slipway/api/status-error';
import type { ResourcePath, Transport } from '@slipway/api/transport';
import type { KubeList, Lease } from '@slipway/api/types';
import { type Clock, formatMicroTime } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import { type ServerEndpoint, writeServerEndpoints } from './server-endpoints.ts';

export interface PresenceOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly hostName: string;
  readonly endpoint: ServerEndpoint;
  /** What all servers of a store have in common: the authority's certificate and the key of the tokens, PEM. */
  readonly secrets: readonly string[];
  /** No other server can be there: no Lease is kept. */
  readonly isAlone: boolean;
}

/** How long after a server's death its address may still be among the endpoints; upstream's figure. */
const leaseDurationMs = 15_000;
/** Two renewals may be lost. */
const renewMs = 5_000;
const identityLabel = 'apiserver.kubernetes.io/identity';
const endpointAnnotation = 'slipway.dev/endpoint';
const secretsAnnotation = 'slipway.dev/authority';
const leases: ResourcePath = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  namespace: 'kube-system',
};

interface Seen {
  readonly resourceVersion: string;
  readonly changedMs: number;
}

export class ServerPresence {
  readonly #options: PresenceOptions;
  readonly #name: string;
  readonly #secretsHash: string;
  #isFirst = true;
  /** The Leases as this server last saw them change, by name. */
  readonly #seen = new Map<string, Seen>();

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { address, port } = options.endpoint;
    this.#name = `apiserver-${hashOf([options.hostName, address, String(port)]).slice(0, 26)}`;
    this.#secretsHash = hashOf(options.secrets).slice(0, 16);
  }

  /** Throws an error of one line when the other servers of this store trust another authority. */
  async join(signal: AbortSignal): Promise<void> {
    const { isAlone, transport, endpoint } = this.#options;
    if (isAlone) return writeServerEndpoints(transport, [endpoint], signal);
    this.#checkSecrets(await this.#leases(signal));
    await this.#look(signal);
  }

  /** True for one of the living servers, give or take a few seconds: the one for work that need not be done by all. */
  get isFirst(): boolean {
    return this.#isFirst;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { isAlone, clock, log } = this.#options;
    while (!isAlone && !signal.aborted) {
      await clock.sleep(renewMs, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        await this.#look(signal);
      } catch (error) {
        if (!signal.aborted) log.warn({ reason: messageOf(error) }, 'presence of this server not renewed');
      }
    }
  }

  /** So that nobody is led here any more. The last server leaves everything as it is, for it may come back. */
  async leave(signal: AbortSignal): Promise<void> {
    const { isAlone, transport, log } = this.#options;
    if (isAlone) return;
    try {
      const others = (await this.#leases(signal)).filter((lease) => this.#isOther(lease) && this.#isAlive(lease));
      await transport.send({ verb: 'delete', path: { ...leases, name: this.#name } }, signal);
      if (others.length > 0) await writeServerEndpoints(transport, others.flatMap(endpointOf), signal);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'presence of this server not taken back: it runs out by itself');
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    await this.#renew(signal);
    const alive: ServerEndpoint[] = [this.#options.endpoint];
    let isFirst = true;
    for (const lease of await this.#leases(signal)) {
      if (!this.#isOther(lease)) continue;
      if (!this.#isAlive(lease)) {
        await this.#bury(lease, signal);
        continue;
      }
      const [endpoint] = endpointOf(lease);
      if (endpoint) alive.push(endpoint);
      if (endpoint && (lease.metadata.name ?? '') < this.#name) isFirst = false;
    }
    this.#isFirst = isFirst;
    await writeServerEndpoints(this.#options.transport, alive, signal);
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { transport, clock, hostName, endpoint } = this.#options;
    const path = { ...leases, name: this.#name };
    const lease: Lease = {
      kind: 'Lease',
      apiVersion: 'coordination.k8s.io/v1',
      metadata: {
        name: this.#name,
        namespace: 'kube-system',
        labels: { [identityLabel]: 'kube-apiserver', 'kubernetes.io/hostname': hostName.toLowerCase() },
        annotations: {
          [endpointAnnotation]: JSON.stringify([endpoint.address, endpoint.port]),
          [secretsAnnotation]: this.#secretsHash,
        },
      },
      spec: {
        holderIdentity: this.#name,
        leaseDurationSeconds: leaseDurationMs / 1000,
        renewTime: formatMicroTime(clock.nowMs()),
      },
    };
    const { metadata, spec } = lease;
    const body = { metadata: { labels: metadata.labels, annotations: metadata.annotations }, spec };
    try {
      await transport.send({ verb: 'patch', path, body, patchType: 'merge' }, signal);
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
      await transport.send({ verb: 'create', path: leases, body: lease }, signal);
    }
  }

  async #leases(signal: AbortSignal): Promise<readonly Lease[]> {
    const options = { labelSelector: `${identityLabel}=kube-apiserver` };
    const { items } = (await this.#options.transport.send(
      { verb: 'list', path: leases, options },
      signal,
    )) as KubeList<Lease>;
    const nowMs = this.#options.clock.monotonicMs();
    for (const { metadata } of items) {
      const { name = '', resourceVersion = '' } = metadata;
      if (this.#seen.get(name)?.resourceVersion !== resourceVersion) {
        this.#seen.set(name, { resourceVersion, changedMs: nowMs });
      }
    }
    return items;
  }

  #isOther({ metadata }: Lease): boolean {
    return metadata.name !== this.#name;
  }

  #isAlive({ metadata, spec }: Lease): boolean {
    const changedMs = this.#seen.get(metadata.name ?? '')?.changedMs ?? 0;
    const durationMs = (spec.leaseDurationSeconds ?? 0) * 1000;
    return this.#options.clock.monotonicMs() - changedMs < durationMs;
  }

  async #bury({ metadata }: Lease, signal: AbortSignal): Promise<void> {
    const { name = '', resourceVersion } = metadata;
    this.#seen.delete(name);
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { resourceVersion } };
    try {
      await this.#options.transport.send({ verb: 'delete', path: { ...leases, name }, body }, signal);
    } catch (error) {
      if (!isStatus(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  /**
   * A server with an authority of its own would refuse what the others signed. Only Leases renewed lately count, by the wall clock: there
   * is nothing else to go by at a start, and a store may have been taken over from servers that are no more.
   */
  #checkSecrets(found: readonly Lease[]): void {
    for (const lease of found) {
      const theirs = lease.metadata.annotations?.[secretsAnnotation];
      const renewedMs = Date.parse(lease.spec.renewTime ?? '');
      const isRecent = Math.abs(this.#options.clock.nowMs() - renewedMs) < leaseDurationMs;
      if (!this.#isOther(lease) || !isRecent || theirs === undefined || theirs === this.#secretsHash) continue;
      const [where] = endpointOf(lease);
      throw new StatusError(
        'InternalError',
        `the API server at ${where?.address}:${where?.port} serves the same store with other keys; copy pki/ca.crt, pki/ca.key and ` +
          "pki/service-account.key from its data directory into this server's before the first start",
      );
    }
  }
}

function endpointOf({ metadata }: Lease): ServerEndpoint[] {
  try {
    const [address, port] = JSON.parse(metadata.annotations?.[endpointAnnotation] ?? '') as [unknown, unknown];
    return typeof address === 'string' && typeof port === 'number' ? [{ address, port }] : [];
  } catch {
    return []; // somebody else's Lease with our label, such as an upstream API server's
  }
}

function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
