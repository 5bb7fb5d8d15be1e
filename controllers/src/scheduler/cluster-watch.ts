/**
 * From changes in the caches to the scheduler's own view: what the cluster holds, which pods are pending, and what
 * happened that may help those that wait. A batch of changes is applied whole before anybody is woken.
 */
import type {
  KubeObject,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  Service,
  StorageClass,
} from '@slipway/api/types';
import type { CacheReader, Change } from '@slipway/client/cache';
import type { ClusterState } from './cluster/cluster-state.ts';
import { defaultSchedulerName } from './pods/demand.ts';
import { type PendingPod, PodReader } from './pods/pod-info.ts';
import type { ClusterEvent } from './queue/cluster-event.ts';

/** Everything that scheduling looks at. */
export interface SchedulerSources {
  readonly pods: CacheReader<Pod>;
  readonly nodes: CacheReader<Node>;
  readonly namespaces: CacheReader<Namespace>;
  readonly services: CacheReader<Service>;
  readonly budgets: CacheReader<PodDisruptionBudget>;
  readonly claims: CacheReader<PersistentVolumeClaim>;
  readonly volumes: CacheReader<PersistentVolume>;
  readonly storageClasses: CacheReader<StorageClass>;
}

/** What the scheduler does when something concerns pods that want a node. */
export interface PendingPods {
  readonly schedulerNames: ReadonlySet<string>;
  /** A pod wants a node, or wants it otherwise than before. */
  want(pod: PendingPod): void;
  /** The pod wants none any more: it has one, is gone, or is somebody else's. */
  release(uid: string): void;
  wake(events: readonly ClusterEvent[]): void;
}

export class ClusterWatch {
  readonly #state: ClusterState;
  readonly #pending: PendingPods;
  readonly #reader = new PodReader();

  constructor(state: ClusterState, pending: PendingPods) {
    this.#state = state;
    this.#pending = pending;
  }

  /** Takes over what the caches hold and follows them. Returns how to stop. */
  observe(sources: SchedulerSources): () => void {
    const stops = [
      follow(sources.namespaces, (changes) => this.#onNamespaces(changes)),
      follow(sources.services, (changes) => this.#onServices(changes)),
      follow(sources.nodes, (changes) => this.#onNodes(changes)),
      follow(sources.pods, (changes) => this.#onPods(changes)),
      sources.claims.subscribe((changes) =>
        this.#onVolumes(changes, ({ metadata: { namespace = '', name = '' } }) => ({
          kind: 'claimChanged',
          namespace,
          name,
        })),
      ),
      sources.volumes.subscribe((changes) =>
        this.#onVolumes(changes, ({ metadata: { name = '' } }) => ({ kind: 'volumeChanged', name })),
      ),
      sources.storageClasses.subscribe((changes) =>
        this.#onVolumes(changes, ({ metadata: { name = '' } }) => ({ kind: 'storageClassChanged', name })),
      ),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #onVolumes<T extends KubeObject>(changes: readonly Change<T>[], eventOf: (object: T) => ClusterEvent): void {
    this.#state.volumesChanged();
    this.#pending.wake(changes.flatMap(({ after }) => (after ? [eventOf(after)] : [])));
  }

  #onNamespaces(changes: readonly Change<Namespace>[]): void {
    const events: ClusterEvent[] = [];
    for (const { key: name, after } of changes)
      if (this.#state.setNamespace(after, name)) events.push({ kind: 'namespaceChanged', name });
    this.#pending.wake(events);
  }

  #onServices(changes: readonly Change<Service>[]): void {
    for (const { before, after } of changes) {
      const { namespace = '', name = '' } = (after ?? before)?.metadata ?? {};
      this.#state.setService(namespace, name, after?.spec?.selector);
    }
  }

  #onNodes(nodes: readonly Change<Node>[]): void {
    const events: ClusterEvent[] = [];
    for (const { key, after } of nodes) {
      if (!after) {
        const node = this.#state.removeNode(key);
        if (node) events.push({ kind: 'nodeRemoved', node });
        continue;
      }
      const change = this.#state.setNode(after);
      if (!change) continue;
      const { info: node, isNew, changes } = change;
      events.push(isNew ? { kind: 'nodeAdded', node } : { kind: 'nodeChanged', node, changes });
    }
    this.#pending.wake(events);
  }

  #onPods(changes: readonly Change<Pod>[]): void {
    const events: ClusterEvent[] = [];
    for (const { before, after } of changes) {
      if (before && before.metadata.uid !== after?.metadata.uid) this.#forget(before.metadata.uid ?? '', events);
      if (after) this.#see(after, before, events);
    }
    this.#pending.wake(events);
  }

  #see(pod: Pod, before: Pod | undefined, events: ClusterEvent[]): void {
    const uid = pod.metadata.uid ?? '';
    const { nodeName, schedulingGates } = pod.spec;
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') {
      this.#forget(uid, events);
    } else if (nodeName) {
      if (!before || !isAlike(before, pod)) this.#place(pod, nodeName, !before?.spec.nodeName, events);
    } else {
      const isOurs = this.#pending.schedulerNames.has(pod.spec.schedulerName ?? defaultSchedulerName);
      if (pod.metadata.deletionTimestamp || schedulingGates?.length || !isOurs) this.#release(uid, events);
      else this.#want(pod, before, events);
    }
  }

  #want(pod: Pod, before: Pod | undefined, events: ClusterEvent[]): void {
    const pending = this.#reader.pending(pod);
    const { nominations } = this.#state;
    // One that is about to be bound has its room already.
    if (this.#state.placeOf(pending.uid)) return;
    const known = nominations.of(pending.uid);
    if (pending.nominatedNode !== undefined && known === undefined) nominations.set(pending, pending.nominatedNode);
    const wasNominated = before?.status?.nominatedNodeName;
    if (!pending.nominatedNode && wasNominated && known === wasNominated) this.#endNomination(pending.uid, events);
    this.#pending.want(pending);
  }

  #place(pod: Pod, nodeName: string, isNews: boolean, events: ClusterEvent[]): void {
    const placed = this.#reader.placed(pod);
    const { uid, demand, group } = placed;
    this.#release(uid, events);
    const known = this.#state.placeOf(uid);
    const isSame = known?.node.name === nodeName && known.pod.demand === demand && known.pod.group === group;
    if (isSame && known.pod.sinceMs === placed.sinceMs && known.pod.isPreempted === placed.isPreempted) {
      // As it was assumed: now others may count on it.
      if (isNews) events.push({ kind: 'podPlaced', pod: known.pod, node: known.node });
      return;
    }
    const removed = this.#state.removePod(uid);
    const node = this.#state.placePod(placed, nodeName);
    if (removed && !isSame) events.push({ kind: 'podRemoved', ...removed });
    if (isNews || !isSame) events.push({ kind: 'podPlaced', pod: placed, node });
  }

  #forget(uid: string, events: ClusterEvent[]): void {
    this.#release(uid, events);
    const removed = this.#state.removePod(uid);
    if (removed) events.push({ kind: 'podRemoved', ...removed });
  }

  #release(uid: string, events: ClusterEvent[]): void {
    this.#endNomination(uid, events);
    this.#pending.release(uid);
  }

  #endNomination(uid: string, events: ClusterEvent[]): void {
    const node = this.#state.node(this.#state.nominations.delete(uid) ?? '');
    if (node) events.push({ kind: 'nominationEnded', node });
  }
}

function follow<T extends KubeObject>(
  cache: CacheReader<T>,
  onChanges: (changes: readonly Change<T>[]) => void,
): () => void {
  onChanges(
    cache.list().map((after) => {
      const { namespace, name = '' } = after.metadata;
      return { key: namespace ? `${namespace}/${name}` : name, before: undefined, after };
    }),
  );
  return cache.subscribe(onChanges);
}

/** Status reports of a running pod change nothing here. A server that counts no generations tells nothing this way. */
function isAlike(before: Pod, after: Pod): boolean {
  const a = before.metadata;
  const b = after.metadata;
  return (
    b.generation !== undefined &&
    a.generation === b.generation &&
    before.spec.nodeName === after.spec.nodeName &&
    a.deletionTimestamp === b.deletionTimestamp &&
    before.status?.startTime === after.status?.startTime &&
    sameLabels(a.labels, b.labels)
  );
}

function sameLabels(
  a: Readonly<Record<string, string>> | undefined,
  b: Readonly<Record<string, string>> | undefined,
): boolean {
  if (a === b || a === undefined || b === undefined) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
