/** A control plane with scripted nodes, and what tests of workloads do with it again and again. */
import type { PatchType } from '@slipway/api/transport';
import type { KubeObject, Pod, PodTemplateSpec } from '@slipway/api/types';
import { type Kind, kinds, type ObjectRef, pathFor } from '@slipway/client/kinds';
import { systemClock } from '@slipway/kit/clock';
import { eventually } from '../harness/eventually.ts';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { startScriptedAgent } from './scripted-agent.ts';
import { startScriptedVolumes } from './scripted-volumes.ts';

/** The agent never gets this image. */
export const missingImage = 'registry.test/missing:1';

export class WorkloadWorld {
  readonly plane: ControlPlane;
  readonly #stopAgent: () => Promise<void>;
  readonly #stopVolumes: () => Promise<void>;
  #namespaces = 0;

  private constructor(plane: ControlPlane) {
    this.plane = plane;
    this.#stopAgent = startScriptedAgent(plane, ({ spec }) => spec.containers[0]?.image === missingImage);
    this.#stopVolumes = startScriptedVolumes(plane);
  }

  static async start(nodes: readonly string[]): Promise<WorkloadWorld> {
    const plane = await startControlPlane();
    const world = new WorkloadWorld(plane);
    await addNodes(plane, nodes);
    return world;
  }

  async stop(): Promise<void> {
    await this.#stopAgent();
    await this.#stopVolumes();
    await this.plane.stop();
  }

  /** A new namespace that takes pods. */
  async namespace(): Promise<string> {
    const name = `workloads-${++this.#namespaces}`;
    await this.create(kinds.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} });
    await this.until(kinds.serviceAccounts, { namespace: name, name: 'default' }, (account) => account !== undefined);
    return name;
  }

  create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    return this.plane.client.create(kind, object, { signal: this.plane.signal });
  }

  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef): Promise<T> {
    return this.plane.client.get(kind, ref, { signal: this.plane.signal });
  }

  /** Through the subresource `scale`. */
  scaleOf(kind: Kind, ref: ObjectRef): Promise<unknown> {
    const { transport, signal } = this.plane;
    return transport.send({ verb: 'get', path: pathFor(kind, ref, 'scale') }, signal);
  }

  patch<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    patch: unknown,
    options: { readonly type?: PatchType; readonly subresource?: string } = {},
  ): Promise<T> {
    return this.plane.client.patch(kind, ref, patch, { ...options, signal: this.plane.signal });
  }

  remove(kind: Kind, ref: ObjectRef, propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'): Promise<unknown> {
    const options = propagationPolicy ? { propagationPolicy } : {};
    return this.plane.client.delete(kind, ref, { ...options, signal: this.plane.signal });
  }

  /** The object as soon as it is as asked for; undefined when it is gone and that was asked for. */
  until<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    holds: (object: T | undefined) => boolean | undefined,
  ): Promise<T | undefined> {
    return this.plane.until(kind, ref, (object) => holds(object) === true);
  }

  /** Pods of a namespace that are not on their way out, by name, as soon as they are as asked for. */
  async untilPods(namespace: string, holds: (pods: readonly Pod[]) => boolean): Promise<readonly Pod[]> {
    const cache = this.plane.manager.caches.of(kinds.pods);
    return new Promise((resolve, reject) => {
      const fail = () => {
        cancel();
        const seen = this.pods(namespace).map(({ metadata, status }) => `${metadata.name} ${status?.phase}`);
        reject(new Error(`the pods did not become as asked for; they are ${seen.join(', ')}`));
      };
      const cancelTimer = systemClock.after(15_000, fail);
      const cancel = cache.when(
        () => holds(this.pods(namespace)),
        () => {
          cancelTimer();
          resolve(this.pods(namespace));
        },
      );
    });
  }

  pods(namespace: string): readonly Pod[] {
    const pods = this.plane.manager.caches.inNamespace(kinds.pods, namespace);
    return pods
      .filter(({ metadata }) => !metadata.deletionTimestamp)
      .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  }

  /** Messages of the events of one namespace that have this reason, in the order told, once there are so many. */
  told(namespace: string, reason: string, count: number): Promise<(string | undefined)[]> {
    return eventually(`${count} events ${reason}`, async () => {
      const { items } = await this.plane.client.list(kinds.events, { namespace, signal: this.plane.signal });
      const found = items.filter((event) => event.reason === reason);
      if (found.length < count) throw new Error(`there are ${found.length}`);
      return found.map(({ message }) => message);
    });
  }

  /** As the agent of its node would: the pod is ready, or not. */
  setReady(pod: Pod, ready: boolean): Promise<unknown> {
    const { namespace, name = '' } = pod.metadata;
    const lastTransitionTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime };
    const status = { phase: 'Running', conditions: [condition] };
    return this.patch(kinds.pods, { namespace, name }, { status }, { subresource: 'status' });
  }

  /** As an agent does that is short of something. */
  evict({ metadata: { namespace, name = '' } }: Pod): Promise<unknown> {
    const status = { phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' };
    return this.patch(kinds.pods, { namespace, name }, { status }, { subresource: 'status' });
  }
}

export function templateOf(app: string, image = `${app}:1`): PodTemplateSpec {
  return { metadata: { labels: { app } }, spec: { containers: [{ name: 'main', image }] } };
}

/** A strategic merge patch to another image. */
export function imagePatch(image: string) {
  return { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } };
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}

export function imageOf({ spec }: Pod): string | undefined {
  return spec.containers[0]?.image;
}
