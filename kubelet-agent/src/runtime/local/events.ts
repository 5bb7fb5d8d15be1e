import { AsyncQueue } from '@slipway/kit/async-queue';
import type { Clock } from '@slipway/kit/clock';
import { type ContainerEvent, type ContainerEventType, RuntimeError } from '../cri.ts';

/** Many times what a full node does at once; a listener that is further behind lists anew. */
const eventsMax = 4096;

/** Hands each event to all that listen at that moment. */
export class ContainerEvents {
  readonly #clock: Clock;
  readonly #listeners = new Set<AsyncQueue<ContainerEvent>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  emit(containerEventType: ContainerEventType, about: { id: string; podSandboxId: string; podUid: string }): void {
    const event = {
      containerEventType,
      containerId: about.id,
      podSandboxId: about.podSandboxId,
      podUid: about.podUid,
      createdAtMs: this.#clock.nowMs(),
    };
    for (const listener of this.#listeners) {
      listener.push(event, () => new RuntimeError('resourceExhausted', 'too slow for the events of the runtime'));
    }
  }

  /** Listens from the call on, not from the first step of the iteration. Ends with the signal. */
  listen(signal: AbortSignal): AsyncIterable<ContainerEvent> {
    const queue = new AsyncQueue<ContainerEvent>(eventsMax);
    this.#listeners.add(queue);
    const stop = () => {
      this.#listeners.delete(queue);
      queue.end();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    return queue;
  }
}
