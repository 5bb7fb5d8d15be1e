import type { IncomingMessage } from 'node:http';
import { type Cause, causeHeader } from '@slipway/api/cause';
import { StatusError } from '@slipway/api/status-error';
import { type PatchType, patchTypes } from '@slipway/api/transport';
import type { UserInfo } from '../registry/strategy.ts';
import type { CallOptions } from '../registry/call-options.ts';
import type { Incoming, RequestVerb } from './incoming.ts';
import { bodySyntax, noBody, parseBody, unsupportedMediaType } from './read-body.ts';
import { offeredTypes } from './negotiation.ts';
import { methodNotAllowed } from './request-line.ts';
import type { ResourceAddress } from './resource-path.ts';

export interface HttpRequest {
  readonly raw: IncomingMessage;
  readonly address: ResourceAddress;
  readonly options: CallOptions;
  readonly body: Buffer | undefined;
  readonly signal: AbortSignal;
  /** Custom resources are not read from protobuf. */
  readonly takesProtobuf: () => boolean;
}

/** A request for a resource as it came over HTTP. Throws StatusError. */
export function incomingFromHttp(
  { raw, address, options, body, signal, takesProtobuf }: HttpRequest,
  authenticate: () => UserInfo,
): Incoming {
  const { headers } = raw;
  const verb = verbOf(raw.method ?? 'GET', address, options);
  return {
    verb,
    address,
    options,
    patchType: verb === 'patch' ? patchTypeOf(headers['content-type']) : undefined,
    claimedCause: claimedCauseOf(headers[causeHeader]),
    userAgent: headers['user-agent'] ?? '',
    signal,
    warnings: [],
    authenticate,
    readBody: (expectedKind) => {
      if (!body || body.length === 0) return noBody;
      const syntax = bodySyntax(headers['content-type']);
      if (!syntax || (syntax === 'protobuf' && !takesProtobuf() && expectedKind !== 'DeleteOptions')) {
        throw unsupportedMediaType(offeredTypes({ hasProtobuf: takesProtobuf(), isWatch: false }));
      }
      return parseBody(body, { syntax, expectedKind, wantsDuplicates: options.fieldValidation !== 'Ignore' });
    },
  };
}

export function verbOf(
  method: string,
  { name, isWatch }: ResourceAddress,
  options: Pick<CallOptions, 'watch'>,
): RequestVerb {
  switch (method) {
    case 'GET':
      if (isWatch || (options.watch && name === undefined)) return 'watch';
      return name === undefined ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
    case 'PATCH':
      if (name === undefined) throw methodNotAllowed(); // a collection is not replaced as a whole
      return method === 'PUT' ? 'update' : 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      throw methodNotAllowed();
  }
}

const patchTypeByMediaType: ReadonlyMap<string, PatchType> = new Map(
  Object.entries(patchTypes).map(([type, mediaType]) => [mediaType, type as PatchType]),
);

function patchTypeOf(contentType: string | undefined): PatchType {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const type = patchTypeByMediaType.get(mediaType);
  if (type) return type;
  throw new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${Object.values(patchTypes).join(', ')}`,
  );
}

/** Causes are a few hundred bytes; a longer one is not ours. */
const causeCharactersMax = 4096;

function claimedCauseOf(
  header: string | readonly string[] | undefined,
): Pick<Cause, 'controller' | 'object'> | undefined {
  if (typeof header !== 'string' || header.length > causeCharactersMax) return undefined;
  try {
    const parsed: unknown = JSON.parse(header);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined; // a cause is a courtesy: a broken one must not refuse the write
  }
}
