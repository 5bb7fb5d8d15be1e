/** Stands for an API server and its watches: writes of the scheduler show in its caches, some at a time, as a watch delivers them. */
import { nextTurn } from '@slipway/kit/next-turn';
import type { ApiRequest, Transport } from '@slipway/api/transport';
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
import { ObjectCache } from '@slipway/client/cache';
import type { SchedulerSources } from '../cluster-watch.ts';

interface Update {
  readonly object: Pod;
  readonly gone: boolean;
}

export class ClusterDouble implements Transport {
  readonly sources = {
    pods: emptyCache<Pod>(),
    nodes: emptyCache<Node>(),
    namespaces: emptyCache<Namespace>(),
    services: emptyCache<Service>(),
    budgets: emptyCache<PodDisruptionBudget>(),
    claims: emptyCache<PersistentVolumeClaim>(),
    volumes: emptyCache<PersistentVolume>(),
    storageClasses: emptyCache<StorageClass>(),
  } satisfies SchedulerSources;
  bindings = 0;
  evictions = 0;
  onBound: () => void = () => {};
  /** An error to answer with instead. */
  refuse: (request: ApiRequest) => Error | undefined = () => undefined;
  readonly #pending: Update[] = [];
  #version = 1n;

  addNodes(nodes: readonly Node[]): void {
    this.#apply(this.sources.nodes, nodes.map(added));
  }

  removeNodes(nodes: readonly Node[]): void {
    this.#apply(
      this.sources.nodes,
      nodes.map((object) => ({ object, gone: true })),
    );
  }

  addNamespaces(namespaces: readonly Namespace[]): void {
    this.#apply(this.sources.namespaces, namespaces.map(added));
  }

  /** Adds or replaces. */
  addPods(pods: readonly Pod[]): void {
    this.#apply(this.sources.pods, pods.map(added));
  }

  removePods(pods: readonly Pod[]): void {
    this.#apply(
      this.sources.pods,
      pods.map((object) => ({ object, gone: true })),
    );
  }

  async send({ verb, path, body }: ApiRequest): Promise<unknown> {
    const refusal = this.refuse({ verb, path, body });
    if (refusal) throw refusal;
    const pod = this.sources.pods.get(`${path.namespace}/${path.name}`);
    if (!pod || path.resource !== 'pods') return {};
    if (path.subresource === 'binding') {
      const { target } = body as { target: { name: string } };
      this.#write({ object: { ...pod, spec: { ...pod.spec, nodeName: target.name } }, gone: false });
      this.bindings++;
      this.onBound();
    } else if (verb === 'delete') {
      this.evictions++;
      this.#write({ object: pod, gone: true });
    } else if (path.subresource === 'status') {
      const { status } = body as { status: Pod['status'] };
      this.#write({ object: { ...pod, status: { ...pod.status, ...status } }, gone: false });
    }
    return {};
  }

  /** Nobody watches: changes are put into the caches. */
  async *watch(): AsyncGenerator<never> {}

  #write(update: Update): void {
    this.#pending.push(update);
    if (this.#pending.length > 1) return;
    void nextTurn().then(() => this.#apply(this.sources.pods, this.#pending.splice(0)));
  }

  #apply<T extends KubeObject>(
    cache: ObjectCache<T>,
    updates: readonly { readonly object: T; readonly gone: boolean }[],
  ): void {
    this.#version++;
    cache.apply(updates, this.#version);
  }
}

function added<T>(object: T): { readonly object: T; readonly gone: false } {
  return { object, gone: false };
}

function emptyCache<T extends KubeObject>(): ObjectCache<T> {
  const cache = new ObjectCache<T>();
  cache.replace([], 1n);
  return cache;
}
