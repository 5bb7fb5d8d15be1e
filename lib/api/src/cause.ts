/**
 * Why a write happened (design idea 6: nothing happens without a cause). Stored beside every write in the store's log.
 * A user's request: `user` and `verb`. A controller's write: `controller` and the object and revision that it acted on.
 */
export interface Cause {
  /** The authenticated user that wrote. Filled in by the API server, never taken from the client. */
  readonly user?: string;
  readonly verb?: string;
  readonly userAgent?: string;
  /** The controller (or `scheduler`, `kubelet`) that decided, with what it looked at. */
  readonly controller?: string;
  readonly object?: CauseObject;
  /** What admission policies noted about the write, by upstream's keys of audit annotations (`POLICY/KEY`). */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface CauseObject {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  /** The resourceVersion that the decision was made on. */
  readonly resourceVersion?: string;
}

/** Request header in which controllers and node agents hand in `controller` and `object`, as JSON. */
export const causeHeader = 'slipway-cause';
