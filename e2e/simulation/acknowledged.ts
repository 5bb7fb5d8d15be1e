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

/** Resources whose makers are remembered. */
const followed: ReadonlySet<string> = new Set(['pods', 'tasks']);

/** Every write that somebody was told had been done, and at which revision. */
export class Acknowledged {
  readonly #promises: Promised[] = [];
  /** Uids of objects that their makers know to have made. */
  readonly #made = new Set<string>();
  /** Who asked last for a change of a task, by its key. */
  readonly #changers = new Map<string, SimulatedProcess>();
  /** Who asked for an object of that key first. */
  readonly #makers = new Map<string, SimulatedProcess>();

  /** Before it is sent. */
  asked(process: SimulatedProcess, request: ApiRequest): void {
    if (request.verb === 'patch' && request.path.resource === 'tasks' && !request.path.subresource) {
      this.#changers.set(keyOf(request, ''), process);
    }
    if (request.verb !== 'create' || !followed.has(request.path.resource) || request.path.subresource) return;
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

  /** Whether the maker of a pod or a task was told of it, or is still there to find out. */
  isKnownToMaker({ metadata: { uid = '', namespace, name } }: KubeObject, resource = 'core/pods'): boolean {
    return this.#made.has(uid) || this.#makers.get(`/registry/${resource}/${namespace}/${name}`)?.isAlive === true;
  }

  /** Whether who changed the spec of a task last is still there. */
  isChangerAlive(key: string): boolean {
    return this.#changers.get(key)?.isAlive === true;
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
