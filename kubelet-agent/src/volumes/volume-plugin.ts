import type { ConfigMap, Pod, Secret, Volume } from '@slipway/api/types';
import type { PodFacts } from './field-reference.ts';
import type { Mounter } from './mounter.ts';
import type { VolumeLayout } from './volume-layout.ts';

/** The volume cannot be set up. The message is upstream's and goes into a FailedMount event. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
}

export interface TokenRequestSpec {
  /** Empty = the API server's own audience. */
  readonly audience: string;
  readonly expirationSeconds: number;
}

/** What volumes read from the API server. */
export interface VolumeObjects {
  configMap(namespace: string, name: string, signal: AbortSignal): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string, signal: AbortSignal): Promise<Secret | undefined>;
  /** A token of the pod's service account that is good for at least a fifth of its life. */
  token(pod: Pod, spec: TokenRequestSpec, signal: AbortSignal): Promise<string>;
}

export interface VolumeContext {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly layout: VolumeLayout;
  readonly objects: VolumeObjects;
  readonly mounter: Mounter;
  /** Unique name for a new version of a volume's files. */
  readonly version: () => string;
}

export interface VolumePlugin {
  /** Part of the directory's name: `kubernetes.io~configmap`. */
  readonly name: string;
  appliesTo(volume: Volume): boolean;
  /** What a container's mount shows. */
  hostPath(volume: Volume, context: VolumeContext): string;
  /** Idempotent. Also called again when something that it read has changed. */
  setUp(volume: Volume, context: VolumeContext, signal: AbortSignal): Promise<void>;
}
