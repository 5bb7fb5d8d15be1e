/**
 * The objects as one user may use them. Reads come from the watch cache, each kind and name authorised as in any other request: `refresh` once, and
 * what follows sees everything written before. Kinds have one version, so what is stored is what is shown. Writes take the whole line in process.
 */
import { isStatus } from '@slipway/api/status-error';
import type { ResourcePath, Transport } from '@slipway/api/transport';
import type { KubeObject } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import type { Authorizer } from '../../authz/access-request.ts';
import type { ResourceAccess } from '../../authz/access-request.ts';
import { authorize } from '../../authz/authorizer.ts';
import { objectKey, resourcePrefix } from '../../registry/resource-context.ts';
import type { UserInfo } from '../../registry/strategy.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { ecsGroup, type EcsKind, ecsVersion, resources } from './kinds.ts';

export interface UserObjectsDeps {
  readonly objects: ObjectStore;
  readonly clock: Pick<Clock, 'after'>;
  readonly authorizer: Authorizer;
  readonly transport: (user: UserInfo) => Transport;
}

export interface Place {
  /** Of namespaced kinds. */
  readonly namespace?: string;
  readonly name: string;
}

const fieldManager = 'ecs';
/** Each attempt that is lost was won by somebody else. */
const changeAttemptsMax = 20;
const prefixes = new Map(
  Object.values(resources).map((resource) => [resource, resourcePrefix({ group: ecsGroup, resource })]),
);

function keyOf(kind: EcsKind, namespace: string | undefined, name: string): string {
  const prefix = prefixes.get(resources[kind]) ?? '';
  return namespace === undefined ? `${prefix}${name}` : `${prefix}${namespace}/${name}`;
}

export class UserObjects {
  readonly #deps: UserObjectsDeps;
  readonly #user: UserInfo;
  readonly #signal: AbortSignal;
  #transport: Transport | undefined;
  /** Where the user may read all objects of a kind, so that none is asked for by its name: `KIND NAMESPACE`. */
  readonly #readable = new Set<string>();

  constructor(deps: UserObjectsDeps, user: UserInfo, signal: AbortSignal) {
    this.#deps = deps;
    this.#user = user;
    this.#signal = signal;
  }

  /** What was written before this call is seen by reads after it. */
  async refresh(): Promise<void> {
    await this.#deps.objects.get(objectKey({ group: '', resource: 'namespaces' }, undefined, 'default'), {
      signal: this.#signal,
    });
  }

  /** Frozen. Throws StatusError Forbidden. */
  get<T extends KubeObject>(kind: EcsKind, { namespace, name }: Place): T | undefined {
    this.#mayGet(kind, namespace, name);
    return this.#deps.objects.cached(keyOf(kind, namespace, name))?.object as T | undefined;
  }

  /** In the order of their names. Throws StatusError Forbidden. */
  *list<T extends KubeObject>(kind: EcsKind, namespace?: string): Generator<T, void, void> {
    this.#authorize('list', kind, namespace, '');
    const prefix = resourcePrefix({ group: ecsGroup, resource: resources[kind] });
    const whole = namespace === undefined ? prefix : `${prefix}${namespace}/`;
    for (const stored of this.#deps.objects.cachedList(whole)) yield stored.object as T;
  }

  /**
   * What a request refers to in passing: its cluster, its task definition, its service. As in AWS nobody needs the right to describe
   * those to use them; it must not be shown.
   */
  resolve<T extends KubeObject>(kind: EcsKind, { namespace, name }: Place): T | undefined {
    return this.#deps.objects.cached(keyOf(kind, namespace, name))?.object as T | undefined;
  }

  /** All of them, for counts that belong to something the user may see. */
  *counted<T extends KubeObject>(kind: EcsKind, namespace?: string): Generator<T, void, void> {
    const prefix = resourcePrefix({ group: ecsGroup, resource: resources[kind] });
    const whole = namespace === undefined ? prefix : `${prefix}${namespace}/`;
    for (const stored of this.#deps.objects.cachedList(whole)) yield stored.object as T;
  }

  /** Whether there is a Network of this name. */
  hasNetwork(name: string): boolean {
    const key = objectKey({ group: 'networks.slipway.dev', resource: 'networks' }, undefined, name);
    return this.#deps.objects.cached(key) !== undefined;
  }

  /** Throws StatusError Forbidden. */
  mayList(kind: EcsKind): void {
    this.#authorize('list', kind, undefined, '');
  }

  /** Throws StatusError. */
  async create<T extends KubeObject>(kind: EcsKind, body: Pick<T, 'metadata'> & { readonly spec: object }): Promise<T> {
    const { namespace } = body.metadata;
    const object = { apiVersion: `${ecsGroup}/${ecsVersion}`, kind, ...body };
    const path = this.#path(kind, namespace);
    return (await this.#send({ verb: 'create', path, body: object, options: { fieldManager } })) as T;
  }

  /** A merge patch. Throws StatusError. */
  async patch<T extends KubeObject>(kind: EcsKind, { namespace, name }: Place, body: object): Promise<T> {
    const path = { ...this.#path(kind, namespace), name };
    return (await this.#send({ verb: 'patch', path, patchType: 'merge', body, options: { fieldManager } })) as T;
  }

  /** The object once it is so, or as it is when the time is over or it is gone. */
  async settled<T extends KubeObject>(
    kind: EcsKind,
    place: Place,
    isSo: (object: T) => boolean,
    withinMs: number,
  ): Promise<T | undefined> {
    const now = () => this.resolve<T>(kind, place);
    const isOver = (object: T | undefined) => object === undefined || isSo(object);
    const { objects, clock } = this.#deps;
    const prefix = resourcePrefix({ group: ecsGroup, resource: resources[kind] });
    await new Promise<void>((resolve) => {
      const end = () => {
        cancelTimer();
        cancelSubscription();
        this.#signal.removeEventListener('abort', end);
        resolve();
      };
      const look = () => {
        if (isOver(now())) end();
      };
      const cancelTimer = clock.after(withinMs, end);
      const cancelSubscription = objects.subscribe(
        place.namespace ? `${prefix}${place.namespace}/` : prefix,
        undefined,
        {
          onEvents: look,
          onEnd: end,
        },
      );
      this.#signal.addEventListener('abort', end);
      look();
    });
    return now();
  }

  /**
   * Changes what follows from the object as it is: nobody else's change gets lost, however many come at the same time. Answers undefined when the
   * object is not there. Throws StatusError.
   */
  async change<T extends KubeObject>(
    kind: EcsKind,
    place: Place,
    patchFrom: (object: T) => object,
  ): Promise<T | undefined> {
    for (let attempt = 1; ; attempt++) {
      const object = this.resolve<T>(kind, place);
      if (!object) return undefined;
      const { resourceVersion } = object.metadata;
      try {
        return await this.patch<T>(kind, place, { metadata: { resourceVersion }, ...patchFrom(object) });
      } catch (error) {
        if (!isStatus(error, 'Conflict') || attempt === changeAttemptsMax) throw error;
        await this.refresh();
      }
    }
  }

  async remove(kind: EcsKind, { namespace, name }: Place): Promise<void> {
    await this.#send({ verb: 'delete', path: { ...this.#path(kind, namespace), name } });
  }

  async createNamespace(name: string): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await this.#send({ verb: 'create', path: { group: '', version: 'v1', resource: 'namespaces' }, body });
  }

  hasNamespace(name: string): boolean {
    return this.#deps.objects.cached(objectKey({ group: '', resource: 'namespaces' }, undefined, name)) !== undefined;
  }

  #send(request: Parameters<Transport['send']>[0]): Promise<unknown> {
    this.#transport ??= this.#deps.transport(this.#user);
    return this.#transport.send(request, this.#signal);
  }

  #path(kind: EcsKind, namespace: string | undefined): ResourcePath {
    const path = { group: ecsGroup, version: ecsVersion, resource: resources[kind] };
    return namespace === undefined ? path : { ...path, namespace };
  }

  /** Throws StatusError Forbidden. */
  #mayGet(kind: EcsKind, namespace: string | undefined, name: string): void {
    const place = `${kind} ${namespace ?? ''}`;
    if (this.#readable.has(place)) return;
    // No name stands for all of them: what is allowed then is allowed for each.
    if (this.#deps.authorizer.decide(this.#access('get', kind, namespace, '')).allowed) this.#readable.add(place);
    else this.#authorize('get', kind, namespace, name);
  }

  /** Throws StatusError Forbidden. */
  #authorize(verb: string, kind: EcsKind, namespace: string | undefined, name: string): void {
    authorize(this.#deps.authorizer, this.#access(verb, kind, namespace, name));
  }

  #access(verb: string, kind: EcsKind, namespace: string | undefined, name: string): ResourceAccess {
    return {
      kind: 'resource',
      user: this.#user,
      verb,
      group: ecsGroup,
      version: ecsVersion,
      resource: resources[kind],
      subresource: '',
      namespace: namespace ?? '',
      name,
    };
  }
}
