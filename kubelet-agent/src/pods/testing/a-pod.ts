import type { Container, Pod, PodSpec } from '@slipway/api/types';

export interface PodShape {
  readonly name?: string;
  readonly uid?: string;
  readonly spec?: Partial<PodSpec>;
  readonly metadata?: Partial<Pod['metadata']>;
  readonly status?: Pod['status'];
}

/** A pod as the API server hands it out, of one container `c` when nothing else is said. */
export function aPod({ name = 'p', uid = 'uid-1', spec = {}, metadata = {}, status }: PodShape = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ns', uid, resourceVersion: '1', generation: 1, ...metadata },
    spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 30, containers: [aContainer('c')], ...spec },
    ...(status ? { status } : {}),
  };
}

export function aContainer(name: string, more: Partial<Container> = {}): Container {
  return { name, image: `${name}:1`, imagePullPolicy: 'IfNotPresent', ...more };
}
