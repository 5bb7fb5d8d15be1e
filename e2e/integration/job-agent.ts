import { isStatus } from '@slipway/api/status-error';
import type { Pod, PodStatus } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { ControlPlane } from './control-plane.ts';

/** What becomes of a pod: it runs on, succeeds, fails with an exit code, or is taken from its node. */
export type Fate = 'runs' | 'succeeds' | 'is disrupted' | { readonly exits: number } | { readonly restarts: number };

/** Stands for the node agents of jobs: a pod that has a node meets its fate at once; pods that are deleted go. Returns how to stop. */
export function startJobAgent(
  { manager, client, signal }: ControlPlane,
  fateOf: (pod: Pod) => Fate,
): () => Promise<void> {
  const inWork = new Set<Promise<void>>();
  const handle = async ({ metadata, spec }: Pod, fate: Fate | 'is deleted') => {
    const { namespace, name = '', uid } = metadata;
    const ref = { namespace, name };
    try {
      if (fate === 'is deleted') await client.delete(kinds.pods, ref, { signal, uid, gracePeriodSeconds: 0 });
      else {
        const status = statusOf(fate, spec.containers[0]?.name ?? '');
        await client.patch(kinds.pods, ref, { status }, { signal, subresource: 'status' });
      }
    } catch (error) {
      if (!isStatus(error, 'NotFound', 'Conflict')) throw error;
    }
  };
  const seen = new Set<string>();
  const stop = manager.caches.of(kinds.pods).subscribe((changes) => {
    for (const { after } of changes) {
      if (!after?.spec.nodeName) continue;
      const isEnded = after.status?.phase === 'Succeeded' || after.status?.phase === 'Failed';
      const fate = after.metadata.deletionTimestamp ? 'is deleted' : fateOf(after);
      const once = `${after.metadata.uid} ${JSON.stringify(fate)}`;
      if (seen.has(once) || (isEnded && fate !== 'is deleted')) continue;
      seen.add(once);
      const done = handle(after, fate).finally(() => inWork.delete(done));
      inWork.add(done);
    }
  });
  return async () => {
    stop();
    await Promise.all(inWork);
  };
}

function statusOf(fate: Fate, container: string): PodStatus {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const base = { name: container, image: 'work:1', imageID: '', restartCount: 0 };
  const ready = (status: string) => [{ type: 'Ready', status, lastTransitionTime: now }];
  if (fate === 'runs' || (typeof fate === 'object' && 'restarts' in fate)) {
    const restartCount = fate === 'runs' ? 0 : fate.restarts;
    const running = { ...base, ready: true, restartCount, state: { running: { startedAt: now } } };
    return { phase: 'Running', conditions: ready('True'), containerStatuses: [running] };
  }
  const exitCode = fate === 'succeeds' ? 0 : fate === 'is disrupted' ? 137 : fate.exits;
  const terminated = { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: now, finishedAt: now };
  const disruption = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    lastTransitionTime: now,
  };
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    conditions: [...ready('False'), ...(fate === 'is disrupted' ? [disruption] : [])],
    containerStatuses: [{ ...base, ready: false, state: { terminated } }],
  };
}
