import type { KubeObject } from '@slipway/api/types';
import { kindFrom } from '@slipway/client/kinds';
import type { Checker } from './checker.ts';

/** What the API server lists is what is on the disk, object by object. */
export function serverAndDisk(): Checker {
  return {
    name: 'server and disk',
    settled: async ({ ledger, apiServer }, client) => {
      for (const resource of apiServer.resources.filter(({ verbs }) => verbs.includes('watch'))) {
        const kind = kindFrom(resource);
        const stored = `${resource.resource === 'events' ? 'core' : resource.group || 'core'}/${resource.resource}`;
        const { items } = await client.list(kind, { signal: new AbortController().signal });
        const onDisk = ledger.list(stored);
        if (items.length !== onDisk.length)
          return `the server lists ${items.length} ${stored}, the disk has ${onDisk.length}`;
        const uids = new Set(onDisk.map(({ metadata }) => metadata.uid));
        const stranger = items.find(({ metadata }: KubeObject) => !uids.has(metadata.uid));
        if (stranger) return `the server lists ${stored} ${stranger.metadata.name}, which is not on the disk`;
      }
      return undefined;
    },
  };
}
