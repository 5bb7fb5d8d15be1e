import type { KubeObject } from '@slipway/api/types';
import type { Kind } from '@slipway/client/kinds';
import type { WatchTarget } from '@slipway/client/watcher';

/** Watches a further kind as long as the agent runs. `project` says how much of an object is kept. */
export type StartWatch = <T extends KubeObject>(options: {
  readonly kind: Kind<T>;
  readonly cache: WatchTarget<T>;
  readonly project?: (object: T) => T;
  /** One namespace only. */
  readonly namespace?: string;
  readonly fieldSelector?: string;
}) => (signal: AbortSignal) => Promise<void>;
