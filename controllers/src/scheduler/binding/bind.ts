/** What happens between the choice of a node and the pod being bound to it, as literal lists. */
import type { CauseObject } from '@slipway/api/cause';
import type { Client } from '@slipway/client/client';
import { kinds } from '@slipway/client/kinds';
import type { PendingPod } from '../pods/pod-info.ts';

/**
 * Holds a chosen pod back. Undefined lets it pass at once; a promise is waited for. The pod counts on its node meanwhile.
 * Refused pods are tried again after their back-off.
 */
export interface Permit {
  readonly name: string;
  permit(pod: PendingPod, nodeName: string, signal: AbortSignal): Promise<'allowed' | 'refused'> | undefined;
}

/** Tells the API server the choice. Throws what the server answers. */
export interface Binder {
  readonly name: string;
  bind(pod: PendingPod, nodeName: string, client: Client, signal: AbortSignal): Promise<void>;
}

/** None by default, as upstream. */
export const permits: readonly Permit[] = [];

const defaultBinder: Binder = {
  name: 'DefaultBinder',
  bind: async (pod, nodeName, client, signal) => {
    const { namespace, name, uid } = pod;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    };
    const cause = { controller: 'scheduler', object: causeObjectOf(pod) };
    await client.createSubresource(kinds.pods, { namespace, name }, 'binding', binding, { signal, cause });
  },
};

/** The first that is given binds. */
export const binders: readonly Binder[] = [defaultBinder];

export function causeObjectOf({ namespace, name, uid, resourceVersion }: PendingPod): CauseObject {
  return {
    kind: 'Pod',
    name,
    ...(namespace ? { namespace } : {}),
    ...(uid ? { uid } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
  };
}
