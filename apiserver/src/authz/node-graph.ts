/**
 * Which node's pods refer to what: the graph behind the node authoriser. An edge leads from a node over its pods to what they name, and
 * from a claim over its volume to the volume's Secrets. It is made from the watch cache when the first agent asks, and kept up from then
 * on with each change of a pod or volume; a question costs one or two look-ups.
 */
import type { PersistentVolume, Pod } from '@slipway/api/types';
import { resourcePrefix } from '../registry/resource-context.ts';
import type { ObjectStore, StoredObject, StoreEvent } from '../storage/object-store.ts';
import { type Reference, referencesOf, referenceTo, secretsOfPersistentVolume } from './pod-references.ts';

const podsPrefix = resourcePrefix({ group: '', resource: 'pods' });
const volumesPrefix = resourcePrefix({ group: '', resource: 'persistentvolumes' });

/** What one pod, or one volume, adds to the graph. */
interface Known {
  readonly uid: string;
  /** Of a pod its node, of a volume its claim. */
  readonly from: string;
  readonly references: readonly Counts[];
}

/** How many pods of each node (volumes of each claim) refer to one thing. */
interface Counts {
  readonly reference: Reference;
  readonly byOrigin: Map<string, number>;
}

export class NodeGraph {
  readonly #objects: ObjectStore;
  readonly #stops: readonly (() => void)[];
  #pods: Edges | undefined;
  #volumes: Edges | undefined;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
    this.#stops = [
      objects.subscribe(podsPrefix, undefined, {
        onEvents: (events) => this.#pods?.change(events, podEdges),
        onEnd: () => {
          this.#pods = undefined;
        },
      }),
      objects.subscribe(volumesPrefix, undefined, {
        onEvents: (events) => this.#volumes?.change(events, volumeEdges),
        onEnd: () => {
          this.#volumes = undefined;
        },
      }),
    ];
  }

  /** Whether a pod of the node refers to it, or to a claim whose volume does. */
  reaches(node: string, reference: Reference): boolean {
    this.#pods ??= Edges.of(this.#objects.cachedList(podsPrefix), podEdges);
    if (this.#pods.has(reference, node)) return true;
    if (!reference.startsWith('secrets/')) return false;
    this.#volumes ??= Edges.of(this.#objects.cachedList(volumesPrefix), volumeEdges);
    for (const claim of this.#volumes.originsOf(reference)) if (this.#pods.has(claim, node)) return true;
    return false;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }
}

/** Undefined for an object that adds nothing. */
type EdgesOf = (stored: StoredObject) => { uid: string; from: string; references(): Iterable<Reference> } | undefined;

const nodeNameMark = Buffer.from('"nodeName":"');

const podEdges: EdgesOf = (stored) => {
  // Most pods of a large cluster need not be parsed, and none must stay parsed for this.
  if (!stored.parsed && !stored.bytes.includes(nodeNameMark)) return undefined;
  const pod = (stored.parsed ?? JSON.parse(stored.bytes.toString())) as Pod;
  const { nodeName } = pod.spec;
  return nodeName ? { uid: pod.metadata.uid ?? '', from: nodeName, references: () => referencesOf(pod) } : undefined;
};

const volumeEdges: EdgesOf = ({ object, modRevision }) => {
  const volume = object as PersistentVolume;
  const { namespace = '', name = '' } = volume.spec.claimRef ?? {};
  if (!name) return undefined;
  const from = referenceTo('persistentvolumeclaims', namespace, name);
  // Unlike those of a pod, the references of a volume may change: its version stands for its uid.
  return { uid: String(modRevision), from, references: () => secretsOfPersistentVolume(volume) };
};

class Edges {
  readonly #counts = new Map<Reference, Counts>();
  readonly #known = new Map<string, Known>();

  static of(objects: Iterable<StoredObject>, edgesOf: EdgesOf): Edges {
    const edges = new Edges();
    for (const object of objects) edges.#put(object, edgesOf);
    return edges;
  }

  has(reference: Reference, origin: string): boolean {
    return this.#counts.get(reference)?.byOrigin.has(origin) ?? false;
  }

  originsOf(reference: Reference): Iterable<string> {
    return this.#counts.get(reference)?.byOrigin.keys() ?? [];
  }

  change(events: readonly StoreEvent[], edgesOf: EdgesOf): void {
    for (const { current, previous } of events) {
      if (current) this.#put(current, edgesOf);
      else if (previous) this.#remove(previous.key);
    }
  }

  #put(object: StoredObject, edgesOf: EdgesOf): void {
    const edges = edgesOf(object);
    const known = this.#known.get(object.key);
    // What a pod refers to does not change once it is bound; its status does all the time.
    if (known && edges && known.uid === edges.uid && known.from === edges.from) return;
    if (known) this.#remove(object.key);
    if (!edges) return;
    const references = Array.from(edges.references(), (reference) => this.#countsOf(reference));
    for (const { byOrigin } of references) byOrigin.set(edges.from, (byOrigin.get(edges.from) ?? 0) + 1);
    this.#known.set(object.key, { uid: edges.uid, from: edges.from, references });
  }

  #remove(key: string): void {
    const known = this.#known.get(key);
    if (!known) return;
    this.#known.delete(key);
    for (const { reference, byOrigin } of known.references) {
      const left = (byOrigin.get(known.from) ?? 0) - 1;
      if (left > 0) byOrigin.set(known.from, left);
      else byOrigin.delete(known.from);
      if (byOrigin.size === 0) this.#counts.delete(reference);
    }
  }

  #countsOf(reference: Reference): Counts {
    const known = this.#counts.get(reference);
    if (known) return known;
    const counts = { reference, byOrigin: new Map<string, number>() };
    this.#counts.set(reference, counts);
    return counts;
  }
}
