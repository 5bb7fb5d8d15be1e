/**
 * Pods that no patience helps. OrderedReady waits for each pod before it touches the next, so a template that cannot run
 * would hold its set for ever, even after it was corrected (kubernetes#67250): upstream asks people to delete the pod.
 * Here such a pod makes way for the corrected template. It serves nothing, so nobody loses anything.
 */
import type { ContainerStatus, Pod } from '@slipway/api/types';

/** Why a container waits, when its pod as it stands will hardly ever run. */
const hopeless: ReadonlySet<string> = new Set([
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImageInspectError',
  'ImagePullBackOff',
  'InvalidImageName',
  'RunContainerError',
]);

/** A container that cannot run, or no node that would take the pod. */
export function isStuck({ status }: Pod): boolean {
  const waits = ({ state }: ContainerStatus) => hopeless.has(state?.waiting?.reason ?? '');
  if ([...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(waits)) return true;
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  return scheduled?.status === 'False' && scheduled.reason === 'Unschedulable';
}
