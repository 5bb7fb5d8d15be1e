import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { KubeObject } from '@slipway/api/types';
import type { StrategyContext, UserInfo } from '../registry/strategy.ts';
import type { ResourceAddress } from './resource-path.ts';

/**
 * A request that leaves the line once it is authorised: a log, a command in a container, a tunnel. Exactly one of `response` and `upgrade`
 * is there. Whoever answers owns it from then on.
 */
export interface ConnectRequest {
  readonly user: UserInfo;
  /** `subresource` is one of `connectSubresources`. */
  readonly address: ResourceAddress;
  /** The pod. */
  readonly object: KubeObject;
  readonly query: URLSearchParams;
  readonly raw: IncomingMessage;
  readonly response: ServerResponse | undefined;
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
  /** Aborts when the client is gone or the server stops. */
  readonly signal: AbortSignal;
  /** Cached reads, for the node of the pod. */
  readonly read: StrategyContext['read'];
}

/** Resolves when the stream has ended. A StatusError that it throws before it wrote anything becomes the answer. */
export type Connect = (request: ConnectRequest) => Promise<void>;
