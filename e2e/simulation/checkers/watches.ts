/**
 * Observers watch as clients do, through the same bad network: a list, then its changes, and a new list when the server has forgotten
 * where they were. What an observer has must be, at each revision that it reached, what the disk had there.
 */
import type { KubeObject } from '@slipway/api/types';
import type { WatchEvent } from '@slipway/api/transport';
import { isStatus } from '@slipway/api/status-error';
import { Client } from '@slipway/client/client';
import { type Kind, keyOf, kinds } from '@slipway/client/kinds';
import type { Ledger } from '../ledger.ts';
import type { SimulatedProcess } from '../process.ts';
import { admin } from '../world.ts';
import type { Checker } from './checker.ts';

const observed: readonly Kind[] = [kinds.pods, kinds.replicaSets, kinds.services];
const retryMs = 500;

export function watches(): Checker {
  const observers: Observer[] = [];
  const firstProblem = () => observers.map(({ problem }) => problem).find(Boolean);
  return {
    name: 'watches',
    begin: (world) => {
      for (const kind of observed) {
        const process = world.newProcess(`observer`);
        const observer = new Observer(kind, process, new Client(world.network.connect(process, admin)));
        observers.push(observer);
        void observer.run(world.ledger);
      }
    },
    changed: firstProblem,
    recovered: firstProblem,
    settled: async ({ ledger }) => {
      const behind = observers.map((observer) => observer.compare(ledger, ledger.head)).find(Boolean);
      return firstProblem() ?? behind;
    },
  };
}

class Observer {
  readonly #kind: Kind;
  readonly #process: SimulatedProcess;
  readonly #client: Client;
  readonly #objects = new Map<string, string>();
  #revision = 0;
  problem: string | undefined;

  constructor(kind: Kind, process: SimulatedProcess, client: Client) {
    this.#kind = kind;
    this.#process = process;
    this.#client = client;
  }

  async run(ledger: Ledger): Promise<void> {
    for (let mustList = true; ; ) {
      try {
        if (mustList) await this.#list(ledger);
        mustList = false;
        await this.#watch(ledger);
      } catch (error) {
        mustList = isStatus(error, 'Expired', 'Gone') || mustList;
        await this.#process.clock.sleep(retryMs, this.#process.signal);
      }
    }
  }

  async #list(ledger: Ledger): Promise<void> {
    const list = await this.#client.list(this.#kind, { signal: this.#process.signal });
    this.#objects.clear();
    for (const item of list.items) this.#objects.set(keyOf(item), versionOf(item));
    this.#reach(Number(list.metadata.resourceVersion), ledger);
  }

  async #watch(ledger: Ledger): Promise<void> {
    const options = { resourceVersion: String(this.#revision), allowWatchBookmarks: true, timeoutSeconds: 60 };
    const { group, version, resource } = this.#kind;
    const watching = this.#client.transport.watch(
      { path: { group, version, resource }, options },
      this.#process.signal,
    );
    for await (const events of watching) this.#take(events as readonly WatchEvent<KubeObject>[], ledger);
  }

  #take(events: readonly WatchEvent<KubeObject>[], ledger: Ledger): void {
    for (const { type, object } of events) {
      const revision = Number(object.metadata.resourceVersion);
      if (revision <= this.#revision && type !== 'BOOKMARK') {
        this.problem ??= `a watch of ${this.#kind.resource} told of revision ${revision} after ${this.#revision}`;
      }
      if (type === 'DELETED') this.#objects.delete(keyOf(object));
      else if (type !== 'BOOKMARK') this.#objects.set(keyOf(object), versionOf(object));
      this.#revision = Math.max(this.#revision, revision);
    }
    this.#reach(this.#revision, ledger);
  }

  #reach(revision: number, ledger: Ledger): void {
    this.#revision = revision;
    // The disk may be ahead: then what it had at that revision is not at hand any more, and the next time will do.
    if (ledger.newestOf(this.#stored) <= revision) this.problem ??= this.compare(ledger, revision);
  }

  get #stored(): string {
    return `${this.#kind.group || 'core'}/${this.#kind.resource}`;
  }

  compare(ledger: Ledger, revision: number): string | undefined {
    const onDisk = new Map<string, string>();
    for (const change of ledger.currentOf(this.#stored)) {
      onDisk.set(keyOf(change.object), `${change.object.metadata.uid} ${change.revision}`);
    }
    for (const [key, version] of onDisk) {
      const seen = this.#objects.get(key);
      if (seen !== version)
        return `a watch of ${this.#stored} has ${seen ?? 'nothing'} of ${key} at revision ${revision}, the disk ${version}`;
    }
    const extra = [...this.#objects.keys()].find((key) => !onDisk.has(key));
    return extra && `a watch of ${this.#stored} still has ${extra} at revision ${revision}, the disk has not`;
  }
}

function versionOf({ metadata }: KubeObject): string {
  return `${metadata.uid} ${metadata.resourceVersion}`;
}
