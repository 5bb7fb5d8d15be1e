import type { ContainerStatus, Pod, PodStatus } from '@slipway/api/types';
import { podDisplayName } from './pod-containers.ts';

export interface StatusEvent {
  readonly container: string;
  readonly message: string;
}

/** BackOff events: a container that began to wait for its next try between two statuses. Pure. */
export function backoffEvents(pod: Pod, before: PodStatus | undefined, after: PodStatus): StatusEvent[] {
  const old = new Map(all(before).map((status) => [status.name, reasonOf(status)]));
  return all(after).flatMap((status) => {
    const reason = reasonOf(status);
    if (reason === undefined || reason === old.get(status.name)) return [];
    const message = messages[reason]?.(status.name, pod);
    return message === undefined ? [] : [{ container: status.name, message }];
  });
}

const messages: Readonly<Record<string, (container: string, pod: Pod) => string>> = {
  CrashLoopBackOff: (container, pod) =>
    `Back-off restarting failed container ${container} in pod ${podDisplayName(pod)}`,
  ImagePullBackOff: (container, pod) => {
    const spec = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(({ name }) => name === container);
    return `Back-off pulling image "${spec?.image ?? ''}"`;
  },
};

function all(status: PodStatus | undefined): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

function reasonOf({ state }: ContainerStatus): string | undefined {
  return state?.waiting?.reason;
}
