/**
 * Families and their revisions, in order: what the names of objects do not give. Follows the watch cache from the first question on. Only the
 * authorised see what it answers: operations ask `UserObjects` first.
 */
import { resourcePrefix } from '../../registry/resource-context.ts';
import type { ObjectStore, StoredObject } from '../../storage/object-store.ts';
import { ecsGroup, resources, type TaskDefinitionFamilyObject, type TaskDefinitionObject } from './kinds.ts';

export interface Family {
  readonly name: string;
  readonly revisions: ReadonlyMap<number, TaskDefinitionObject>;
  /** Highest number of those that are there. */
  readonly highest: number;
}

interface GrowingFamily extends Family {
  readonly revisions: Map<number, TaskDefinitionObject>;
  highest: number;
}

export class TaskDefinitionIndex {
  readonly #objects: ObjectStore;
  readonly #families = new Map<string, GrowingFamily>();
  readonly #remembered = new Map<string, number>();
  readonly #stops: (() => void)[] = [];
  /** Numbers handed out to registrations in work: family → highest, and how many there are. */
  readonly #reserved = new Map<string, { highest: number; inWork: number }>();
  #sortedNames: readonly string[] | undefined;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  family(name: string): Family | undefined {
    this.#follow();
    return this.#families.get(name);
  }

  /** In the order of their names. */
  familyNames(): readonly string[] {
    this.#follow();
    this.#sortedNames ??= [...this.#families.keys()].sort();
    return this.#sortedNames;
  }

  /** The newest ACTIVE one. */
  newest(name: string): TaskDefinitionObject | undefined {
    const family = this.family(name);
    if (!family) return undefined;
    for (let revision = family.highest; revision > 0; revision--) {
      const definition = family.revisions.get(revision);
      if (definition && statusOf(definition) === 'ACTIVE') return definition;
    }
    return undefined;
  }

  /**
   * Calls `attempt` with the next number of the family, and again with the next one while it answers 'taken'. Registrations of one family
   * get different numbers at once, without waiting for each other.
   */
  async withNextRevision<T>(family: string, attempt: (revision: number) => Promise<T | 'taken'>): Promise<T> {
    this.#follow();
    const reserved = this.#reserved.get(family) ?? { highest: 0, inWork: 0 };
    this.#reserved.set(family, reserved);
    reserved.inWork += 1;
    try {
      for (;;) {
        const known = Math.max(this.#families.get(family)?.highest ?? 0, this.#remembered.get(family) ?? 0);
        const revision = Math.max(known, reserved.highest) + 1;
        const before = reserved.highest;
        reserved.highest = revision;
        try {
          const done = await attempt(revision);
          if (done !== 'taken') return done;
        } catch (error) {
          // The number goes back when nobody has gone past it.
          if (reserved.highest === revision) reserved.highest = before;
          throw error;
        }
      }
    } finally {
      reserved.inWork -= 1;
      if (reserved.inWork === 0) this.#reserved.delete(family);
    }
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #follow(): void {
    if (this.#stops.length > 0) return;
    this.#followResource(resources.TaskDefinition, {
      put: ({ object }) => this.#put(object as TaskDefinitionObject),
      remove: ({ object }) => this.#remove(object as TaskDefinitionObject),
    });
    this.#followResource(resources.TaskDefinitionFamily, {
      put: ({ object }) => {
        const { family, lastRevision } = (object as TaskDefinitionFamilyObject).spec;
        this.#remembered.set(family, lastRevision);
      },
      remove: ({ object }) => this.#remembered.delete((object as TaskDefinitionFamilyObject).spec.family),
    });
  }

  #followResource(
    resource: string,
    { put, remove }: { put(stored: StoredObject): void; remove(stored: StoredObject): void },
  ): void {
    const prefix = resourcePrefix({ group: ecsGroup, resource });
    const stop = this.#objects.subscribe(prefix, undefined, {
      onEvents: (events) => {
        for (const { current, previous } of events) {
          if (current) put(current);
          else if (previous) remove(previous);
        }
      },
      onEnd: () => {
        // The next question begins anew.
        this.#stops.length = 0;
        this.#families.clear();
        this.#remembered.clear();
        this.#sortedNames = undefined;
      },
    });
    this.#stops.push(stop);
    for (const stored of this.#objects.cachedList(prefix)) put(stored);
  }

  #put(definition: TaskDefinitionObject): void {
    const { family: name, revision } = definition.spec;
    let family = this.#families.get(name);
    if (!family) {
      family = { name, revisions: new Map(), highest: 0 };
      this.#families.set(name, family);
      this.#sortedNames = undefined;
    }
    family.revisions.set(revision, definition);
    family.highest = Math.max(family.highest, revision);
  }

  #remove({ spec: { family: name, revision } }: TaskDefinitionObject): void {
    const family = this.#families.get(name);
    if (!family) return;
    family.revisions.delete(revision);
    if (family.revisions.size === 0) {
      this.#families.delete(name);
      this.#sortedNames = undefined;
    } else if (revision === family.highest) {
      family.highest = Math.max(...family.revisions.keys());
    }
  }
}

export type DefinitionStatus = 'ACTIVE' | 'INACTIVE' | 'DELETE_IN_PROGRESS';

export function statusOf({ metadata, spec }: TaskDefinitionObject): DefinitionStatus {
  return metadata.deletionTimestamp === undefined ? (spec.status ?? 'ACTIVE') : 'DELETE_IN_PROGRESS';
}
