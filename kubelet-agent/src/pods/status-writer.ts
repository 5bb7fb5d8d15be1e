import { isStatus } from '@slipway/api/status-error';
import type { Pod, PodStatus } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import type { Transport } from '@slipway/api/transport';
import type { Cause } from '@slipway/api/cause';
import { backoffMs } from '@slipway/kit/backoff';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { KeyedQueue } from '@slipway/kit/keyed-queue';
import type { Logger } from '@slipway/kit/logger';
import { contradicts, isPreliminary, isSameStatus, plainStatus, statusPatch } from './status-patch.ts';

interface Wanted {
  readonly pod: Pod;
  readonly status: PodStatus;
}

interface Told {
  readonly status: PodStatus;
  /** Of the pod as the server answered the write. */
  readonly resourceVersion: string | undefined;
}

export interface StatusWriterDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  /** The server has this status now. */
  readonly onTold: (uid: string, status: PodStatus) => void;
}

/** At most so many statuses under way; pods beyond wait and are then told once, with their newest status. */
const writers = 8;
const preliminaryDelayMs = 250;
const retry = { baseMs: 100, maxMs: 10_000 };

/** Writes statuses of pods: one request per pod at a time, always the newest, nothing that the server has already. */
export class StatusWriter {
  readonly #deps: StatusWriterDeps;
  readonly #client: Client;
  readonly #queue: KeyedQueue;
  readonly #wanted = new Map<string, Wanted>();
  readonly #told = new Map<string, Told>();
  readonly #failures = new Map<string, number>();
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(deps: StatusWriterDeps) {
    this.#deps = deps;
    this.#client = new Client(deps.transport);
    this.#queue = new KeyedQueue(deps.clock);
  }

  set(pod: Pod, status: PodStatus): void {
    const uid = pod.metadata.uid ?? '';
    const wanted = this.#wanted.get(uid);
    if (isSameStatus(wanted?.status ?? this.#told.get(uid)?.status ?? pod.status, status)) return;
    this.#wanted.set(uid, { pod, status: plainStatus(status) });
    if (isPreliminary(status)) this.#queue.addAfter(uid, preliminaryDelayMs);
    else this.#queue.add(uid);
  }

  /** The pod as the server shows it now. What another one wrote over our status, a node thought lost say, is put right by the next `set`. */
  seen({ metadata: { uid = '', resourceVersion }, status }: Pod): void {
    const told = this.#told.get(uid);
    if (!told?.resourceVersion || !resourceVersion || !status) return;
    if (BigInt(resourceVersion) <= BigInt(told.resourceVersion) || !contradicts(status, told.status)) return;
    this.#told.set(uid, { status, resourceVersion });
  }

  /** Resolves when the server has the newest status of the pod, or no longer has the pod. */
  flush(uid: string): Promise<void> {
    if (!this.#wanted.has(uid)) return Promise.resolve();
    this.#queue.add(uid);
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(uid) ?? new Set();
      this.#waiting.set(uid, waiting.add(resolve));
    });
  }

  forget(uid: string): void {
    this.#wanted.delete(uid);
    this.#told.delete(uid);
    this.#failures.delete(uid);
    this.#queue.forget(uid);
    this.#settle(uid);
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#queue.run(writers, (uid) => this.#write(uid, signal), signal);
  }

  async #write(uid: string, signal: AbortSignal): Promise<void> {
    const wanted = this.#wanted.get(uid);
    if (!wanted) return;
    const { pod, status } = wanted;
    const { namespace = '', name = '', resourceVersion } = pod.metadata;
    const cause: Cause = {
      controller: 'kubelet',
      object: { kind: 'Pod', namespace, name, uid, ...(resourceVersion ? { resourceVersion } : {}) },
    };
    let written: Pod | undefined;
    try {
      const patch = statusPatch(uid, this.#told.get(uid)?.status ?? pod.status, status);
      written = await this.#client.patch<Pod>(kinds.pods, { namespace, name }, patch, {
        type: 'strategic',
        subresource: 'status',
        cause,
        signal,
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!isStatus(error, 'NotFound', 'Conflict', 'Invalid')) return this.#retry(uid, error);
      // The pod is gone, or another one has its name. An invalid status would stay invalid.
      if (isStatus(error, 'Invalid'))
        this.#deps.log.error({ pod: `${namespace}/${name}`, error: messageOf(error) }, 'status refused');
    }
    this.#failures.delete(uid);
    this.#told.set(uid, { status, resourceVersion: written?.metadata.resourceVersion });
    this.#deps.onTold(uid, status);
    if (this.#wanted.get(uid) !== wanted) return this.#queue.add(uid);
    this.#wanted.delete(uid);
    this.#settle(uid);
  }

  #retry(uid: string, error: unknown): void {
    const failures = (this.#failures.get(uid) ?? 0) + 1;
    this.#failures.set(uid, failures);
    if (failures === 1)
      this.#deps.log.warn({ podUid: uid, error: messageOf(error) }, 'status not written, trying again');
    this.#queue.addAfter(uid, backoffMs(failures, retry));
  }

  #settle(uid: string): void {
    for (const resolve of this.#waiting.get(uid) ?? []) resolve();
    this.#waiting.delete(uid);
  }
}
