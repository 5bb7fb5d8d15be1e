import type { ApiRequest } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import type { Ledger } from './ledger.ts';
import { describeRequest } from './describe-request.ts';

interface Promised {
  readonly who: string;
  readonly what: string;
  readonly revision: number;
  readonly key: string;
}

/** Every write that somebody was told had been done, and at which revision. */
export class Acknowledged {
  readonly #promises: Promised[] = [];
  /** Uids of objects that their makers know to have made. */
  readonly #made = new Set<string>();

  add(who: string, request: ApiRequest, answer: unknown): void {
    const { metadata, kind } = (answer ?? {}) as Partial<KubeObject>;
    if (!metadata?.resourceVersion || kind === 'Status' || request.verb === 'deletecollection') return;
    if (request.verb === 'create' && metadata.uid) this.#made.add(metadata.uid);
    const key = keyOf(request, metadata.name ?? '');
    this.#promises.push({ who, what: describeRequest(request), revision: Number(metadata.resourceVersion), key });
  }

  isKnownToMaker(uid: string): boolean {
    return this.#made.has(uid);
  }

  get count(): number {
    return this.#promises.length;
  }

  /** The first promise that the disk does not keep, in words. */
  broken(ledger: Ledger): string | undefined {
    for (const { who, what, revision, key } of this.#promises) {
      const change = ledger.at(revision);
      if (change?.key === key) continue;
      return `${who} was told that "${what}" is done at revision ${revision}, but there the disk has ${change?.key ?? 'nothing'}`;
    }
    return undefined;
  }
}

/** As the store keeps it. */
function keyOf({ path }: ApiRequest, name: string): string {
  const { resource, namespace } = path;
  const group = resource === 'events' || path.group === '' ? 'core' : path.group;
  return ['', 'registry', group, resource, ...(namespace ? [namespace] : []), path.name ?? name].join('/');
}
