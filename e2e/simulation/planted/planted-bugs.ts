/**
 * Mistakes that were, or could have been, somebody's. Each stands between two real parts and changes what passes; nothing of it is in
 * the parts. The simulator has to find each of them.
 */
import type { ResourcePath, Transport, WatchEvent, WatchRequest } from '@slipway/api/transport';
import { isStatus } from '@slipway/api/status-error';
import type { KubeList, KubeObject, Node } from '@slipway/api/types';
import type { Scene } from '../scenes.ts';
import type { Planted } from '../world.ts';

export interface PlantedBug {
  readonly what: string;
  /** Kubernetes' own kinds when not given. */
  readonly scene?: Scene;
  /** How much happens in a seed; as much as always when not given. */
  readonly steps?: number;
  /** New for each run: some of them remember. */
  readonly plant: () => Planted;
  /** What has to happen for it to be seen. Any seed may do it; where nothing else happens it takes fewer of them. */
  readonly only: readonly string[];
  /** The checkers that may be the first to see it. */
  readonly foundBy: readonly string[];
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    what: 'the store acknowledges writes before they are on the disk',
    plant: () => ({ diskLies: true }),
    only: ['create deployment', 'scale deployment', 'crash API server'],
    foundBy: ['acknowledged writes', 'revisions', 'watches'],
  },
  {
    what: 'a watch that begins again skips the first event',
    plant: () => ({ serverThrough: skippingWatch }),
    only: ['create replicaset', 'scale replicaset', 'cut watches', 'compact early'],
    foundBy: ['watches'],
  },
  {
    what: 'replica sets do not wait until they see the pods that they made',
    plant: () => ({ controllersThrough: forgetfulCreates }),
    only: ['create replicaset', 'scale replicaset', 'bad network'],
    foundBy: ['bounds'],
  },
  {
    what: 'evictions go by what the budget allowed a moment ago',
    plant: () => ({ serverThrough: staleBudgets() }),
    only: ['create deployment', 'create budget', 'drain', 'cut watches'],
    foundBy: ['budgets'],
  },
  {
    what: 'networks of nodes are given out without regard to those that are taken',
    plant: () => ({ controllersThrough: forgottenNetworks }),
    only: ['create service', 'lose node'],
    foundBy: ['identities'],
  },
  {
    what: 'the garbage collector takes config maps for deleted that it did not delete',
    plant: () => ({ controllersThrough: sparedConfigMaps }),
    only: ['create deployment', 'create configmap', 'delete deployment', 'cut watches'],
    foundBy: ['owners'],
  },
];

function skippingWatch(transport: Transport): Transport {
  return {
    ...transport,
    watch: (request, signal) => withoutFirst(transport, request, signal),
  };
}

async function* withoutFirst(transport: Transport, request: WatchRequest, signal: AbortSignal) {
  let isFirst = true;
  for await (const events of transport.watch(request, signal)) {
    const shown: readonly WatchEvent[] = isFirst ? events.slice(1) : events;
    isFirst = false;
    if (shown.length > 0) yield shown;
  }
}

/** An answer without its version: whoever notes it down has nothing to wait for. */
function forgetfulCreates(transport: Transport): Transport {
  return {
    ...transport,
    send: async (request, signal) => {
      const answer = await transport.send(request, signal);
      if (request.verb !== 'create' || request.path.resource !== 'pods') return answer;
      const pod = answer as KubeObject;
      return { ...pod, metadata: { ...pod.metadata, resourceVersion: '1' } };
    },
  };
}

/** What an eviction takes from a budget is put back when the next one does not find enough. */
function staleBudgets(): (transport: Transport) => Transport {
  const seen = new Map<string, number>();
  return (transport) => ({
    ...transport,
    send: async (request, signal) => {
      const { path } = request;
      if (path.subresource !== 'eviction') return transport.send(request, signal);
      const list = {
        group: 'policy',
        version: 'v1',
        resource: 'poddisruptionbudgets',
        namespace: path.namespace ?? '',
      };
      const { items } = (await transport.send({ verb: 'list', path: list }, signal)) as KubeList<Budget>;
      for (const { metadata, status } of items) {
        const allowed = status?.disruptionsAllowed ?? 0;
        if (allowed > 0) seen.set(metadata.uid ?? '', allowed);
      }
      return transport.send(request, signal).catch(async (error: unknown) => {
        for (const { metadata } of items) {
          const allowed = seen.get(metadata.uid ?? '');
          if (allowed) await putBack(transport, list, metadata.name ?? '', allowed, signal);
        }
        if (!isStatus(error, 'TooManyRequests')) throw error;
        return transport.send(request, signal);
      });
    },
  });
}

interface Budget extends KubeObject {
  readonly status?: { readonly disruptionsAllowed?: number };
}

async function putBack(transport: Transport, list: ResourcePath, name: string, allowed: number, signal: AbortSignal) {
  const path = { ...list, name, subresource: 'status' };
  const body = { status: { disruptionsAllowed: allowed } };
  await transport.send({ verb: 'patch', path, patchType: 'merge', body }, signal).catch(() => {});
}

/** Whoever gives out networks begins with the first one, always. */
function forgottenNetworks(transport: Transport): Transport {
  return {
    ...transport,
    send: (request, signal) => {
      const { spec } = (request.body ?? {}) as Node;
      if (request.verb !== 'patch' || !spec?.podCIDR) return transport.send(request, signal);
      const first = { ...spec, podCIDR: '10.64.0.0/24', podCIDRs: ['10.64.0.0/24'] };
      return transport.send({ ...request, body: { ...(request.body as Node), spec: first } }, signal);
    },
  };
}

function sparedConfigMaps(transport: Transport, account: string): Transport {
  if (account !== 'generic-garbage-collector') return transport;
  return {
    ...transport,
    send: async (request, signal) => {
      const isSpared = request.verb === 'delete' && request.path.resource === 'configmaps';
      return isSpared ? {} : transport.send(request, signal);
    },
  };
}
