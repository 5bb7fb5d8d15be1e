import type { ApiRequest } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import type { Ledger } from './ledger.ts';
import { describeRequest } from './describe-request.ts';
import type { SimulatedProcess } from './process.ts';

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
  /** Who asked for an object of that key first. */
  readonly #makers = new Map<string, SimulatedProcess>();

  /** Before it is sent. */
  asked(process: SimulatedProcess, request: ApiRequest): void {
    if (request.verb !== 'create' || request.path.resource !== 'pods' || request.path.subresource) return;
    const { metadata } = request.body as Partial<KubeObject>;
    if (!metadata?.name) return;
    const key = keyOf(request, metadata.name);
    if (!this.#makers.has(key)) this.#makers.set(key, process);
  }

  add(who: string, request: ApiRequest, answer: unknown): void {
    const { metadata, kind } = (answer ?? {}) as Partial<KubeObject>;
    if (!metadata?.resourceVersion || kind === 'Status' || request.verb === 'deletecollection') return;
    if (request.verb === 'create' && metadata.uid) this.#made.add(metadata.uid);
    const key = keyOf(request, metadata.name ?? '');
    this.#promises.push({ who, what: describeRequest(request), revision: Number(metadata.resourceVersion), key });
  }

  /** Whether the maker of a pod was told of it, or is still there to find out. */
  isKnownToMaker({ metadata: { uid = '', namespace, name } }: KubeObject): boolean {
    return this.#made.has(uid) || this.#makers.get(`/registry/core/pods/${namespace}/${name}`)?.isAlive === true;
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
