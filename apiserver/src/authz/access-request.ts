import type { UserInfo } from '../registry/strategy.ts';

/** Who wants to do what: all that authorisation looks at. */
export type AccessRequest = ResourceAccess | PathAccess;

export interface ResourceAccess {
  readonly kind: 'resource';
  readonly user: UserInfo;
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty for cluster-scoped resources and for requests across all namespaces. */
  readonly namespace: string;
  readonly name: string;
  /** Of a list or watch; the node authoriser looks at it. */
  readonly fieldSelector?: string | undefined;
}

export interface PathAccess {
  readonly kind: 'path';
  readonly user: UserInfo;
  /** The HTTP method in lower case. */
  readonly verb: string;
  readonly path: string;
}

/** Refuses nothing: an authoriser either allows or has no opinion. `reason` is for those who ask why. */
export type Decision =
  | { readonly allowed: true; readonly reason: string }
  | { readonly allowed: false; readonly reason?: string };

export interface Authorizer {
  decide(request: AccessRequest): Decision;
}

export const noOpinion: Decision = { allowed: false };
