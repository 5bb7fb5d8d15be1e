import type { Cause } from '@slipway/api/cause';
import type { PatchType } from '@slipway/api/transport';
import type { CallOptions } from '../registry/call-options.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { ResourceAddress } from './resource-path.ts';

export type RequestVerb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** A request for a resource, whether it came over HTTP or from a caller in the same process. */
export interface Incoming {
  readonly verb: RequestVerb;
  readonly address: ResourceAddress;
  readonly options: CallOptions;
  readonly patchType: PatchType | undefined;
  /** What the client says caused it; believed of system users only. */
  readonly claimedCause: Pick<Cause, 'controller' | 'object'> | undefined;
  readonly userAgent: string;
  readonly signal: AbortSignal;
  /** Of a watch over HTTP: see `FlushPacer`. */
  readonly pace?: (() => Promise<void> | undefined) | undefined;
  /** Appended to while the request is in work. */
  readonly warnings: string[];
  /** Throws StatusError Unauthorized. */
  authenticate(): UserInfo;
  /**
   * The parsed body, undefined when there is none. It belongs to the line, which may change it. `duplicates` are fields that the text named
   * twice. Throws StatusError: BadRequest for what is no JSON or YAML, UnsupportedMediaType.
   */
  readBody(expectedKind: string): { readonly value: unknown; readonly duplicates: readonly string[] };
}
