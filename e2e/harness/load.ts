/** Requests without a pause, each on a connection of its own, until they are to end. */
import { get } from 'node:http';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';

const timeoutMs = 3000;
const pauseMs = 10;

export interface LoadResult {
  /** By what was answered. */
  readonly answers: ReadonlyMap<string, number>;
  /** When, and what went wrong. */
  readonly failures: readonly string[];
}

/** Several ask at a time. The answer ends them and says how it was. */
export function startLoad(url: string, atATime: number): () => Promise<LoadResult> {
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let isOver = false;
  const asking = Array.from({ length: atATime }, async () => {
    while (!isOver) {
      try {
        const text = (await fetchText(url)).trim();
        answers.set(text, (answers.get(text) ?? 0) + 1);
      } catch (error) {
        failures.push(`${new Date().toISOString()} ${(error as Error).message}`);
      }
      await systemClock.sleep(pauseMs, neverAborted);
    }
  });
  return async () => {
    isOver = true;
    await Promise.all(asking);
    return { answers, failures };
  };
}

/** On a connection of its own. Rejects for whatever is not answered with 200. */
export function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.once('error', reject);
      response.once('end', () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    request.once('error', reject);
    request.once('timeout', () => request.destroy(new Error(`${url} does not answer`)));
  });
}
