import { isStatus } from '@slipway/api/status-error';
import type { Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { ControlPlane } from './control-plane.ts';

/**
 * Stands for the node agents: pods that have a node become ready, pods that are deleted go. Returns how to stop. Pods for which
 * `cannotRun` holds wait for an image that does not come; those with a refusal fail at once for that reason.
 */
export function startScriptedAgent(
  { manager, client, signal }: ControlPlane,
  cannotRun: (pod: Pod) => boolean = () => false,
  refusalOf: (pod: Pod) => string | undefined = () => undefined,
): () => Promise<void> {
  const inWork = new Set<Promise<void>>();
  let address = 1;
  const statusOf = (pod: Pod) => {
    const refusal = refusalOf(pod);
    if (refusal) return refusedStatus(refusal);
    return cannotRun(pod) ? waitingStatus(pod) : readyStatus(`10.64.0.${address++}`);
  };
  const handle = async (pod: Pod) => {
    const { namespace, name = '', uid, deletionTimestamp } = pod.metadata;
    const ref = { namespace, name };
    try {
      if (deletionTimestamp) await client.delete(kinds.pods, ref, { signal, uid, gracePeriodSeconds: 0 });
      else await client.patch(kinds.pods, ref, { status: statusOf(pod) }, { signal, subresource: 'status' });
    } catch (error) {
      if (!isStatus(error, 'NotFound', 'Conflict')) throw error;
    }
  };
  const seen = new Set<string>();
  const stop = manager.caches.of(kinds.pods).subscribe((changes) => {
    for (const { after } of changes) {
      if (!after?.spec.nodeName) continue;
      const once = `${after.metadata.uid} ${after.metadata.deletionTimestamp ? 'leaving' : 'starting'}`;
      if (seen.has(once)) continue;
      seen.add(once);
      const done = handle(after).finally(() => inWork.delete(done));
      inWork.add(done);
    }
  });
  return async () => {
    stop();
    await Promise.all(inWork);
  };
}

function waitingStatus({ spec }: Pod): Pod['status'] {
  const state = { waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image' } };
  const containerStatuses = spec.containers.map(({ name, image = '' }) => ({
    ...{ name, image, imageID: '', ready: false, restartCount: 0 },
    state,
  }));
  return { phase: 'Pending', containerStatuses, conditions: [{ type: 'Ready', status: 'False' }] };
}

function readyStatus(ip: string): Pod['status'] {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    phase: 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    startTime: now,
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }],
  };
}

/** As the agent of a node that has not what it promised. */
function refusedStatus(reason: string): Pod['status'] {
  const startTime = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return { phase: 'Failed', reason, message: `Pod was rejected: ${reason}`, startTime };
}
