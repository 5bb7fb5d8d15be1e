import type { IncomingMessage } from 'node:http';
import type { ApiObject } from './api-client.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: ApiObject;
}

/** One watch, read event by event. */
export class WatchReader {
  readonly #response: IncomingMessage;
  readonly #events: AsyncGenerator<WatchEvent, undefined, void>;

  constructor(response: IncomingMessage) {
    this.#response = response;
    this.#events = eventsOf(response);
  }

  /** Waits for the next event; throws when the watch has ended. */
  async next(): Promise<WatchEvent> {
    const { value, done } = await this.#events.next();
    if (done || !value) throw new Error('the watch ended');
    return value;
  }

  /** The next events as `TYPE name`. */
  async nextNames(count: number): Promise<string[]> {
    const events = await this.take(count);
    return events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  }

  async take(count: number): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    while (events.length < count) events.push(await this.next());
    return events;
  }

  /** Everything up to and with the first event for which `isLast` holds. */
  async until(isLast: (event: WatchEvent) => boolean): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    for (;;) {
      const event = await this.next();
      events.push(event);
      if (isLast(event)) return events;
    }
  }

  /** Everything until the server ends the watch. */
  async rest(): Promise<WatchEvent[]> {
    const events: WatchEvent[] = [];
    for await (const event of this.#events) events.push(event);
    return events;
  }

  close(): void {
    this.#response.destroy();
  }
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<WatchEvent, undefined, void> {
  let waiting = '';
  response.setEncoding('utf8');
  try {
    for await (const part of response) {
      const lines = (waiting + part).split('\n');
      waiting = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as WatchEvent;
    }
  } catch (error) {
    // Closed by the test.
    if (!response.destroyed) throw error;
  }
  return undefined;
}
