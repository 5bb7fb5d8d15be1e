import type { Node } from '@slipway/api/types';
import type { EventText } from '@slipway/client/events';

/** Condition → reason of the event when it becomes true, and when it becomes false. */
const reasons: Readonly<Record<string, readonly [whenTrue: string, whenFalse: string]>> = {
  Ready: ['NodeReady', 'NodeNotReady'],
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
};

/** What an agent tells of its node when it has changed, in upstream's words. Nothing of a node that it sees for the first time. */
export function nodeEvents(before: Node | undefined, after: Node | undefined): EventText[] {
  if (!before || !after || before.metadata.uid !== after.metadata.uid) return [];
  const became = Object.entries(reasons).flatMap(([type, [whenTrue, whenFalse]]) => {
    const status = statusOf(after, type);
    if (status === statusOf(before, type) || (status !== 'True' && status !== 'False')) return [];
    return [status === 'True' ? whenTrue : whenFalse];
  });
  const isClosed = after.spec.unschedulable === true;
  const turned =
    isClosed === (before.spec.unschedulable === true) ? [] : [isClosed ? 'NodeNotSchedulable' : 'NodeSchedulable'];
  return [...became, ...turned].map((reason) => ({
    about: after,
    type: 'Normal',
    reason,
    message: `Node ${after.metadata.name} status is now: ${reason}`,
  }));
}

function statusOf({ status }: Node, type: string): string | undefined {
  return status?.conditions?.find((condition) => condition.type === type)?.status;
}
