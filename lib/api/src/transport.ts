/**
 * How a client reaches an API server: over HTTP (`lib/client`) or in the same process (`apiserver`). Both take the
 * same requests, run the same authorisation and admission, and throw the same `StatusError`s.
 */
import type { Cause } from './cause.ts';

/** Addresses a collection (no name), an object, or a subresource of an object. */
export interface ResourcePath {
  /** '' is the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural: `pods`. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;
export type PatchType = keyof typeof patchTypes;

/** Query parameters by their names on the wire; what does not fit the verb is refused by the server. */
export interface RequestOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
  readonly fieldManager?: string;
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
  readonly force?: boolean;
  readonly dryRun?: 'All';
}

export interface ApiRequest {
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
  readonly path: ResourcePath;
  readonly options?: RequestOptions;
  /** The object for create and update, the patch for patch, DeleteOptions for delete and deletecollection. */
  readonly body?: unknown;
  readonly patchType?: PatchType;
  readonly cause?: Cause;
}

export interface WatchRequest {
  readonly path: ResourcePath;
  readonly options?: Pick<
    RequestOptions,
    'labelSelector' | 'fieldSelector' | 'resourceVersion' | 'resourceVersionMatch'
  > & {
    readonly allowWatchBookmarks?: boolean;
    readonly sendInitialEvents?: boolean;
    readonly timeoutSeconds?: number;
  };
}

export interface WatchEvent<T = unknown> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  /** Frozen when it comes from the same process: never change it. */
  readonly object: T;
}

export interface Transport {
  /** Answers the object, the list, or the Status that the server answers. Throws `StatusError`. */
  send(request: ApiRequest, signal: AbortSignal): Promise<unknown>;
  /**
   * Yields events in the order of their resourceVersions, several at once where several are there. Ends when the
   * server ends the watch; throws `StatusError` (reason `Expired` when the version is too old) when it fails.
   */
  watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<readonly WatchEvent[]>;
}
