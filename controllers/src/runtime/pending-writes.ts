import type { KubeObject } from '@slipway/api/types';
import { type Kind, kindId, keyOf, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from './caches.ts';

/**
 * Writes that a reconcile made and that the caches may not show yet. A key is not reconciled again before they do, so
 * no decision is ever made twice on the same old view. Versions are numbers of one store, hence comparable: a kind's
 * cache that has reached the version of the last write shows all of them.
 */
export class PendingWrites {
  readonly #versions = new Map<string, { readonly kind: Kind; version: bigint }>();
  readonly #deleted: { readonly kind: Kind; readonly key: ObjectKey; readonly uid: string | undefined }[] = [];

  written(kind: Kind, object: KubeObject): void {
    const version = BigInt(object.metadata.resourceVersion ?? '0');
    const known = this.#versions.get(kindId(kind));
    if (!known) this.#versions.set(kindId(kind), { kind, version });
    else if (version > known.version) known.version = version;
  }

  deleted(kind: Kind, target: KubeObject): void {
    this.#deleted.push({ kind, key: keyOf(target), uid: target.metadata.uid });
  }

  /** Waits for what another plan wrote, too. */
  include(other: PendingWrites): void {
    for (const [id, { kind, version }] of other.#versions) {
      const known = this.#versions.get(id);
      if (!known || version > known.version) this.#versions.set(id, { kind, version });
    }
    this.#deleted.push(...other.#deleted);
  }

  isVisible(caches: Caches): boolean {
    for (const { kind, version } of this.#versions.values()) {
      if (caches.has(kind) && caches.of(kind).resourceVersion < version) return false;
    }
    // Shown deletions are forgotten, so that a long list is not walked again at every event.
    while (this.#deleted.length > 0) {
      const last = this.#deleted.at(-1);
      if (last && caches.has(last.kind)) {
        const cached = caches.get(last.kind, last.key);
        if (cached && cached.metadata.uid === last.uid && !cached.metadata.deletionTimestamp) return false;
      }
      this.#deleted.pop();
    }
    return true;
  }

  /** Calls `fire` once when the caches show everything. Returns cancel. */
  whenVisible(caches: Caches, fire: () => void): () => void {
    const cancels: (() => void)[] = [];
    let fired = false;
    const check = () => {
      if (fired || !this.isVisible(caches)) return fired;
      fired = true;
      for (const cancel of cancels) cancel();
      fire();
      return true;
    };
    const kinds = [...this.#versions.values(), ...this.#deleted].map(({ kind }) => kind);
    for (const kind of new Map(kinds.map((kind) => [kindId(kind), kind])).values()) {
      if (!fired && caches.has(kind)) cancels.push(caches.of(kind).when(check, () => {}));
    }
    check();
    return () => {
      fired = true;
      for (const cancel of cancels) cancel();
    };
  }
}
