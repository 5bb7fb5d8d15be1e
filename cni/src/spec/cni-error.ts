/** The codes of the specification ("Error" in CNI 1.1), and from 100 on the ones of our plugins. */
export const cniErrorCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidNetworkConfig: 7,
  invalidNetworkNamespace: 8,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  limitedConnectivity: 51,
  /** No address is left in the ranges, or the one asked for is taken. */
  addressUnavailable: 100,
  /** The kernel refused a link, an address, a route or a rule. */
  kernelRefused: 101,
  /** CHECK found something else than ADD left behind. */
  checkFailed: 102,
  /** Anything that no other code names. */
  internal: 999,
} as const;

export type CniErrorName = keyof typeof cniErrorCodes;

/** What goes over the wire when a plugin fails: `{ cniVersion, code, msg, details }`. */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;
  readonly details: string | undefined;

  constructor(code: CniErrorName | number, message: string, options: { details?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = typeof code === 'number' ? code : cniErrorCodes[code];
    this.details = options.details;
  }
}

/** The caller's fault or the environment's, said as a CNI error; an unknown failure becomes `internal`. */
export function cniErrorFrom(error: unknown): CniError {
  if (error instanceof CniError) return error;
  if (!(error instanceof Error)) return new CniError('internal', String(error));
  const details = detailsOf(error);
  return new CniError('internal', error.message, { cause: error, ...(details ? { details } : {}) });
}

/** What also failed while the failure was rolled back. */
function detailsOf(error: Error): string | undefined {
  if (!(error instanceof AggregateError)) return undefined;
  return error.errors
    .slice(1)
    .map((each) => (each instanceof Error ? each.message : String(each)))
    .join('; ');
}
