/** What a client of the ECS API is told when its request fails: a code that its SDK turns into an exception, and a text. */
export class EcsError extends Error {
  override readonly name = 'EcsError';
  /** `ClientException`, `ClusterNotFoundException`, ... */
  readonly code: string;
  readonly httpStatus: number;
  /** Members of the exception beside the message. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: { httpStatus?: number; fields?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.httpStatus = options.httpStatus ?? 400;
    this.fields = options.fields ?? {};
  }
}

export const clientException = (message: string) => new EcsError('ClientException', message);
export const invalidParameter = (message: string) => new EcsError('InvalidParameterException', message);
export const clusterNotFound = () => new EcsError('ClusterNotFoundException', 'Cluster not found.');
export const clusterInactive = () => new EcsError('ClusterNotFoundException', 'The referenced cluster was inactive.');
export const serviceNotFound = () => new EcsError('ServiceNotFoundException', 'Service not found.');
export const serviceNotActive = () => new EcsError('ServiceNotActiveException', 'Service was not ACTIVE.');
export const unsupportedFeature = (message: string) => new EcsError('UnsupportedFeatureException', message);
export const accessDenied = (message: string) => new EcsError('AccessDeniedException', message);

/** Before the operation is looked at. The texts are those that AWS' SDKs and their users know; none says what was compared with what. */
export const refusals = {
  unsigned: () => new EcsError('MissingAuthenticationTokenException', 'Missing Authentication Token'),
  incomplete: (what: string) => new EcsError('IncompleteSignatureException', what),
  badSignature: () =>
    new EcsError(
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    ),
  skewed: (message: string) => new EcsError('InvalidSignatureException', message),
  unknownKey: () =>
    new EcsError('UnrecognizedClientException', 'The security token included in the request is invalid.'),
  expiredKey: () => new EcsError('ExpiredTokenException', 'The security token included in the request is expired'),
  unknownOperation: () => new EcsError('UnknownOperationException', 'Unknown operation.', { httpStatus: 404 }),
  malformed: (message: string) => new EcsError('SerializationException', message),
  tooLarge: (bytesMax: number) =>
    new EcsError('RequestEntityTooLargeException', `The request may have ${bytesMax} bytes at most.`, {
      httpStatus: 413,
    }),
  busy: () => new EcsError('ThrottlingException', 'Rate exceeded'),
  broken: (cause: unknown) =>
    new EcsError('ServerException', 'The request could not be processed because of a server issue.', {
      httpStatus: 500,
      cause,
    }),
} as const;
