import type { Pod } from '@slipway/api/types';
import type { Labels } from '../runtime/cri.ts';

/** The labels that every kubelet gives, so that crictl and our own `down` find what belongs to which pod. */
export const podNameLabel = 'io.kubernetes.pod.name';
export const podNamespaceLabel = 'io.kubernetes.pod.namespace';
export const podUidLabel = 'io.kubernetes.pod.uid';
export const containerNameLabel = 'io.kubernetes.container.name';

/** How long after the end of this container the next attempt may start, in milliseconds. */
export const backoffAnnotation = 'slipway.dev/restart-backoff-ms';
/** The image as the pod names it. */
export const imageAnnotation = 'slipway.dev/image';
/** Where the agent finds the container's last words, and whether its log stands in for them. */
export const terminationMessagePathAnnotation = 'io.kubernetes.container.terminationMessagePath';
export const terminationMessagePolicyAnnotation = 'io.kubernetes.container.terminationMessagePolicy';
export const restartCountAnnotation = 'io.kubernetes.container.restartCount';

export function podLabels(pod: Pod): Labels {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  return { ...pod.metadata.labels, [podNameLabel]: name, [podNamespaceLabel]: namespace, [podUidLabel]: uid };
}

export function containerLabels(pod: Pod, container: string): Labels {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  return {
    [podNameLabel]: name,
    [podNamespaceLabel]: namespace,
    [podUidLabel]: uid,
    [containerNameLabel]: container,
  };
}
