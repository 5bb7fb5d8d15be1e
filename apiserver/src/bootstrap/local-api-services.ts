/**
 * Keeps one APIService for each version of each group that this server serves, as upstream's autoregistration does: clients read from them what is
 * there, and wait for their condition. What others have made is left alone.
 */
import { isStatus } from '@slipway/api/status-error';
import type { APIService } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Logger } from '@slipway/kit/logger';
import type { ServedKinds } from '../registry/kinds.ts';
import { resourcePrefix } from '../registry/resource-context.ts';
import { ownCall } from '../registry/write-call.ts';
import type { ObjectStore } from '../storage/object-store.ts';

const apiServiceResource = { group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' };
const managedLabel = 'kube-aggregator.kubernetes.io/automanaged';
/** Names come and go together when a repository of definitions is applied. */
const gatherMs = 50;
const failureLookMs = 5_000;

/** Upstream's order of groups in discovery; whoever is not named stands where upstream has put the last. */
const groupPriorities: Readonly<Record<string, number>> = {
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'resource.k8s.io': 16_000,
};
const versionPriorities: Readonly<Record<string, number>> = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'flowcontrol.apiserver.k8s.io/v1': 21,
};
const builtIn = { group: 15_000, version: 15 };
/** Those of custom kinds. */
const custom = { group: 1_000, version: 100 };

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly isCustom: boolean;
}

export interface LocalApiServicesDeps {
  readonly kinds: ServedKinds;
  /** Served beside the kinds: those that are only asked. */
  readonly others: readonly { readonly group: string; readonly version: string }[];
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export class LocalApiServices {
  readonly #deps: LocalApiServicesDeps;

  constructor(deps: LocalApiServicesDeps) {
    this.#deps = deps;
  }

  /** Brings them in step once. Throws StatusError. */
  async register(signal: AbortSignal): Promise<void> {
    const store = this.#deps.kinds.find(apiServiceResource)?.store;
    if (!store) return;
    const wanted = new Map(this.#served().map((served) => [`${served.version}.${served.group}`, served]));
    const present = new Map(this.#present().map((object) => [object.metadata.name ?? '', object]));
    const missing = [...wanted].filter(([name]) => !present.has(name));
    const gone = [...present.values()].filter(({ metadata }) => {
      return metadata.labels?.[managedLabel] !== undefined && !wanted.has(metadata.name ?? '');
    });
    await Promise.all([
      ...missing.map(([, served]) => {
        const create = ownCall(signal, 'create', 'api-service-registration');
        return store.create(apiServiceOf(served), undefined, create).catch(unless('AlreadyExists'));
      }),
      ...gone.map(({ metadata: { name = '' } }) => {
        const remove = ownCall(signal, 'delete', 'api-service-registration');
        return store.delete({ namespace: undefined, name }, {}, remove).catch(unless('NotFound'));
      }),
    ]);
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { kinds, objects, clock, log } = this.#deps;
    const changed = Promise.withResolvers<void>();
    let next = changed;
    const wake = () => next.resolve();
    const stopKinds = kinds.onChange(wake);
    let stopObjects = () => {};
    const follow = () => {
      stopObjects = objects.subscribe(resourcePrefix(apiServiceResource), undefined, {
        onEvents: (events) => {
          if (events.some(({ current }) => current === undefined)) wake();
        },
        // What was missed meanwhile is looked at anew.
        onEnd: (error) => {
          if (error === undefined) return;
          clock.after(failureLookMs, () => {
            follow();
            wake();
          });
        },
      });
    };
    follow();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (!signal.aborted) {
        await next.promise;
        await clock.sleep(gatherMs, signal).catch(() => {});
        next = Promise.withResolvers<void>();
        if (signal.aborted) return;
        try {
          await this.register(signal);
        } catch (error) {
          if (signal.aborted) return;
          log.warn({ reason: messageOf(error) }, 'APIServices not brought up to date');
          clock.after(failureLookMs, wake);
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
      stopKinds();
      stopObjects();
    }
  }

  #present(): APIService[] {
    const all = this.#deps.objects.cachedList(resourcePrefix(apiServiceResource));
    return Array.from(all, ({ object }) => object as APIService);
  }

  #served(): GroupVersion[] {
    const { kinds, others } = this.#deps;
    const isCustom = new Set(kinds.custom);
    const found = new Map<string, GroupVersion>();
    for (const served of kinds.all) {
      const { group, version } = served.api;
      const key = `${group}/${version}`;
      if (!found.get(key) || !isCustom.has(served)) found.set(key, { group, version, isCustom: isCustom.has(served) });
    }
    for (const { group, version } of others) found.set(`${group}/${version}`, { group, version, isCustom: false });
    return [...found.values()];
  }
}

function apiServiceOf({ group, version, isCustom }: GroupVersion): APIService {
  const priorities = isCustom ? custom : builtIn;
  return {
    kind: 'APIService',
    apiVersion: 'apiregistration.k8s.io/v1',
    metadata: { name: `${version}.${group}`, labels: { [managedLabel]: isCustom ? 'true' : 'onstart' } },
    spec: {
      ...(group === '' ? {} : { group }),
      version,
      groupPriorityMinimum: (isCustom ? undefined : groupPriorities[group]) ?? priorities.group,
      versionPriority: (isCustom ? undefined : versionPriorities[`${group}/${version}`]) ?? priorities.version,
    },
  };
}

function unless(reason: 'AlreadyExists' | 'NotFound'): (error: unknown) => undefined {
  return (error) => {
    if (!isStatus(error, reason)) throw error;
    return undefined;
  };
}
