/** Follows a resource of a bench cluster: what every change of it costs to read is paid by this process. */
import { get } from 'node:https';
import type { BenchCluster } from './cluster.ts';

export interface WatchedEvent<T> {
  readonly type: string;
  readonly object: T;
}

/** Calls `take` for each event from now on, until the cluster ends. `path`: `/api/v1/namespaces/default/pods` */
export function watch<T>(cluster: BenchCluster, path: string, take: (event: WatchedEvent<T>) => void): Promise<void> {
  const url = new URL(`${path}?watch=1`, cluster.base);
  const headers = { authorization: `Bearer ${cluster.token}` };
  return new Promise((done, fail) => {
    get(url, { rejectUnauthorized: false, agent: false, headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
        const lines = text.split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) take(JSON.parse(line) as WatchedEvent<T>);
      });
      done();
    }).once('error', fail);
  });
}
