/** Somebody who works with the cluster: makes, changes and deletes at random, through the same bad network as all others. */
import type { KubeObject } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { type Kind, kinds } from '@slipway/client/kinds';
import type { Chance } from '../chance.ts';
import type { SimulatedProcess } from '../process.ts';
import type { World } from '../world.ts';
import { admin } from '../world.ts';
import type { Place } from './manifests.ts';

export const namespaces = ['default', 'team-a', 'team-b'];
const names = ['web', 'api', 'db', 'queue'];

export class User {
  readonly chance: Chance;
  readonly client: Client;
  readonly process: SimulatedProcess;
  /** Kinds that no controller takes care of are not made. */
  readonly has: (controller: string) => boolean;
  #count = 0;

  constructor(world: World, has: (controller: string) => boolean) {
    this.chance = world.chance;
    this.process = world.newProcess('user');
    this.client = new Client(world.network.connect(this.process, admin));
    this.has = has;
  }

  /** Makes the namespaces; those who want something there before they are made are told so. */
  begin(): void {
    for (const name of namespaces.slice(1)) {
      this.create(kinds.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }).catch(() => {});
    }
  }

  get signal(): AbortSignal {
    return this.process.signal;
  }

  /** A number that this user never used before. */
  next(): number {
    return ++this.#count;
  }

  namespace(): string {
    return this.chance.pick(namespaces) ?? 'default';
  }

  /** Kinds have names of their own: who selects the same pods fights, which is not what is tested here. */
  place(prefix: string): Place {
    return { namespace: this.namespace(), name: `${prefix}-${this.chance.pick(names) ?? 'web'}` };
  }

  async create(kind: Kind, object: KubeObject): Promise<void> {
    await this.client.create(kind, object, { signal: this.signal });
  }

  /** One of those that there are. */
  async any<T extends KubeObject>(kind: Kind<T>, suits: (object: T) => boolean = () => true): Promise<T | undefined> {
    const { items } = await this.client.list(kind, { signal: this.signal });
    return this.chance.pick(
      items.filter(
        (object) => suits(object) && (!kind.namespaced || namespaces.includes(object.metadata.namespace ?? '')),
      ),
    );
  }

  async patch(kind: Kind, { metadata }: KubeObject, patch: unknown): Promise<void> {
    const ref = { namespace: metadata.namespace, name: metadata.name ?? '' };
    await this.client.patch(kind, ref, patch, { signal: this.signal });
  }

  async remove(kind: Kind, { metadata }: KubeObject): Promise<void> {
    const { namespace, name = '', uid } = metadata;
    const propagationPolicy = this.chance.weighted([
      { weight: 6, value: 'Background' as const },
      { weight: 3, value: 'Foreground' as const },
      { weight: 1, value: 'Orphan' as const },
    ]);
    await this.client.delete(kind, { namespace, name }, { signal: this.signal, uid, propagationPolicy });
  }

  async evict({ metadata }: KubeObject): Promise<void> {
    const { namespace, name = '' } = metadata;
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name } };
    await this.client.createSubresource(kinds.pods, { namespace, name }, 'eviction', eviction, {
      signal: this.signal,
    });
  }
}
