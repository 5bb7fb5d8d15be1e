/**
 * Which Service has which address and node port, where several API servers share one store. Each is an object of its own, written only
 * when it is not there: of two servers that choose the same one, the store lets one win. Addresses are IPAddress objects, as upstream's;
 * ports have a record that is not served.
 *
 * A claim is made before its Service is written and removed after the Service is. A server that dies in between, or does not hear whether
 * its write happened, leaves a claim without a Service; `repairClaims` removes it when it is old enough that nobody is still at work on it.
 */
import type { KubeObject, Service } from '@slipway/api/types';
import { neverAborted } from '@slipway/kit/abort';
import { formatTime, type Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { ObjectStore, StoredObject } from '../../storage/object-store.ts';
import { objectKey, resourcePrefix } from '../resource-context.ts';
import { heldBy } from './holdings.ts';

export type ClaimKind = 'address' | 'port';

export interface Item {
  readonly kind: ClaimKind;
  /** The address, or the port's number. */
  readonly name: string;
}

export interface ClaimDeps {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const resources = {
  address: { group: 'networking.k8s.io', resource: 'ipaddresses' },
  port: { group: 'slipway.dev', resource: 'nodeports' },
} as const;

const services = { group: '', resource: 'services' };
const uidAnnotation = 'slipway.dev/parent-uid';
const managedByLabel = 'ipaddress.kubernetes.io/managed-by';
const manager = 'ipallocator.k8s.io';
const cause = { controller: 'service-allocator' };

export function claimPrefix(kind: ClaimKind): string {
  return resourcePrefix(resources[kind]);
}

function claimKey({ kind, name }: Item): string {
  return objectKey(resources[kind], undefined, name);
}

interface ClaimObject extends KubeObject {
  readonly spec?: { readonly parentRef?: { readonly namespace?: string; readonly name?: string } };
}

/** A claim that changes hands this often while it is looked at is somebody else's. */
const triesMax = 5;

export class Claims {
  readonly #deps: ClaimDeps;

  constructor(deps: ClaimDeps) {
    this.#deps = deps;
  }

  /** The claim, or undefined when another Service has one. Not bound to the request: a claim half made would have to be repaired. */
  async take(item: Item, owner: Service): Promise<StoredObject | undefined> {
    const { objects } = this.#deps;
    const key = claimKey(item);
    const options = { signal: neverAborted, cause };
    let found: StoredObject | undefined;
    for (let tries = 0; tries < triesMax; tries++) {
      const claim = this.#claimOf(item, owner);
      const result = found
        ? await objects.update(key, claim, found, options)
        : await objects.create(key, claim, options);
      if (result.outcome === 'written') return result.stored;
      found = result.current;
      if (!found) continue;
      // Left behind by an earlier Service of this name, or made by another request for it: one of these will be stored, whoever has the
      // claim. Any other Service's claim holds, even if that Service is not there (yet).
      if (!isNamed(parentOf(found), owner) || (await this.#isHeld(item, found))) return undefined;
    }
    return undefined;
  }

  /** Takes back a claim that was taken for a write that did not happen; whoever adopted it since keeps it. */
  async undo(claim: StoredObject): Promise<void> {
    await this.#remove(claim.key, claim);
  }

  /** Gives back what a Service held before it was written or removed. */
  async release(item: Item, owner: Service): Promise<void> {
    const key = claimKey(item);
    try {
      const claim = await this.#deps.objects.get(key, { signal: neverAborted });
      if (claim && uidOf(claim) === (owner.metadata.uid ?? '')) await this.#remove(key, claim);
    } catch (error) {
      this.#deps.log.warn({ claim: key, reason: messageOf(error) }, 'claim not given back, repair will do it');
    }
  }

  /** Makes the claims of stored Services that have none; what another Service has is told by name. */
  async restore(stored: Iterable<Service>): Promise<string[]> {
    const missing: { readonly item: Item; readonly owner: Service }[] = [];
    for (const owner of stored) {
      for (const item of itemsOf(owner)) {
        const claim = this.#deps.objects.cached(claimKey(item));
        if (!claim || !isNamed(parentOf(claim), owner)) missing.push({ item, owner });
      }
    }
    const problems: string[] = [];
    for (let from = 0; from < missing.length; from += restoredAtOnce) {
      const part = missing.slice(from, from + restoredAtOnce);
      const claims = await Promise.all(part.map(({ item, owner }) => this.take(item, owner)));
      part.forEach(({ item, owner: { metadata } }, i) => {
        if (!claims[i]) problems.push(`service ${metadata.namespace}/${metadata.name}, ${item.kind} ${item.name}`);
      });
    }
    return problems;
  }

  /** Claims whose Service is not there or does not hold what they stand for. */
  *orphans(): Generator<{ readonly item: Item; readonly claim: StoredObject }> {
    for (const kind of ['address', 'port'] as const) {
      for (const claim of this.#deps.objects.cachedList(claimPrefix(kind))) {
        const item = { kind, name: claim.object.metadata.name ?? '' };
        if (claim.object.metadata.labels?.[managedByLabel] !== manager) continue;
        const { namespace = '', name = '' } = parentOf(claim);
        const owner = this.#deps.objects.cached(objectKey(services, namespace, name));
        if (!isHolding(owner, item)) yield { item, claim };
      }
    }
  }

  async removeOrphan({ item, claim }: { readonly item: Item; readonly claim: StoredObject }): Promise<void> {
    if (!(await this.#isHeld(item, claim))) await this.#remove(claim.key, claim);
  }

  async #isHeld(item: Item, claim: StoredObject): Promise<boolean> {
    const { namespace = '', name = '' } = parentOf(claim);
    const owner = await this.#deps.objects.get(objectKey(services, namespace, name), { signal: neverAborted });
    return isHolding(owner, item);
  }

  async #remove(key: string, claim: StoredObject): Promise<void> {
    try {
      await this.#deps.objects.remove(key, claim, { signal: neverAborted, cause });
    } catch (error) {
      this.#deps.log.warn({ claim: key, reason: messageOf(error) }, 'claim not removed, repair will do it');
    }
  }

  #claimOf({ kind, name }: Item, { metadata }: Service): KubeObject {
    const parentRef = { group: '', resource: 'services', namespace: metadata.namespace, name: metadata.name };
    const family = name.includes(':') ? 'IPv6' : 'IPv4';
    const claim = {
      kind: kind === 'address' ? 'IPAddress' : 'NodePortClaim',
      apiVersion: kind === 'address' ? 'networking.k8s.io/v1' : 'slipway.dev/v1',
      metadata: {
        name,
        uid: this.#deps.random.uuid(),
        creationTimestamp: formatTime(this.#deps.clock.nowMs()),
        labels: {
          ...(kind === 'address' ? { 'ipaddress.kubernetes.io/ip-family': family } : {}),
          [managedByLabel]: manager,
        },
        annotations: { [uidAnnotation]: metadata.uid ?? '' },
      },
      spec: { parentRef },
    };
    return claim;
  }
}

/** Claims restored at a time when a store that had none is opened. */
const restoredAtOnce = 64;

export function itemsOf(service: Service | undefined): Item[] {
  const { addresses, ports } = heldBy(service);
  return [
    ...Array.from(addresses, (name): Item => ({ kind: 'address', name })),
    ...Array.from(ports, (port): Item => ({ kind: 'port', name: String(port) })),
  ];
}

function isHolding(owner: StoredObject | undefined, item: Item): boolean {
  if (!owner) return false;
  return itemsOf(owner.object as Service).some(({ kind, name }) => kind === item.kind && name === item.name);
}

function parentOf({ object }: StoredObject): { readonly namespace?: string; readonly name?: string } {
  return (object as ClaimObject).spec?.parentRef ?? {};
}

function isNamed(parent: { readonly namespace?: string; readonly name?: string }, { metadata }: Service): boolean {
  return parent.namespace === metadata.namespace && parent.name === metadata.name;
}

function uidOf({ object }: StoredObject): string {
  return object.metadata.annotations?.[uidAnnotation] ?? '';
}
