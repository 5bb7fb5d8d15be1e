import { decodeProtobuf, ProtobufError } from '@slipway/api/protobuf/envelope';
import { duplicateFields } from '@slipway/api/schema/duplicate-fields';
import { StatusError } from '@slipway/api/status-error';
import { messageOf } from '@slipway/kit/errors';
import { badRequest } from '../registry/status-errors.ts';
import { jsonProblem } from './json-problem.ts';
import { isNestedTooDeep, isValueTooDeep } from './nesting.ts';
import { parseYaml, YamlLimitError, yamlBytesMax } from './parse-yaml.ts';

export interface Body {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

export const noBody: Body = { value: undefined, duplicates: [] };

export type BodySyntax = 'json' | 'yaml' | 'protobuf';

/** How a body is written; undefined for a media type that nobody reads here. */
export function bodySyntax(contentType: string | undefined): BodySyntax | undefined {
  const mediaType = (contentType ?? 'application/json').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (mediaType === '' || mediaType === 'application/json' || mediaType.endsWith('+json') || mediaType === '*/*')
    return 'json';
  if (mediaType === 'application/vnd.kubernetes.protobuf') return 'protobuf';
  if (mediaType === 'application/yaml' || mediaType.endsWith('+yaml')) return 'yaml';
  return undefined;
}

/** `accepted`: the types, as the message lists them. */
export function unsupportedMediaType(accepted: string): StatusError {
  return new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  );
}

const tooDeep = 'exceeded max depth';

/**
 * Parses a body. Throws StatusError BadRequest in upstream's words.
 * `wantsDuplicates`: whether fields that are named twice have to be found, which costs a second pass over the text.
 */
export function parseBody(
  bytes: Buffer,
  { syntax, expectedKind, wantsDuplicates }: { syntax: BodySyntax; expectedKind: string; wantsDuplicates: boolean },
): Body {
  if (bytes.length === 0) return noBody;
  if (syntax === 'protobuf') return { value: parseProtobuf(bytes, expectedKind), duplicates: [] };
  const text = bytes.toString();
  try {
    // YAML contains JSON: what parses as JSON is read as such, whichever of them the client says it is.
    if (syntax === 'json' || text.startsWith('{')) {
      if (isNestedTooDeep(bytes)) throw badRequest(unrecognized(bytes, expectedKind, `json parse error: ${tooDeep}`));
      return { value: JSON.parse(text), duplicates: wantsDuplicates ? duplicateFields(text) : [] };
    }
    if (bytes.length > yamlBytesMax) {
      const limits = `limit is ${yamlBytesMax} for YAML; send JSON`;
      throw new StatusError('RequestEntityTooLarge', `Request entity too large: ${limits}`);
    }
    const value = parseYaml(text);
    if (isValueTooDeep(value)) throw badRequest(unrecognized(bytes, expectedKind, `yaml: ${tooDeep}`));
    return { value, duplicates: [] };
  } catch (error) {
    if (error instanceof StatusError) throw error;
    if (error instanceof YamlLimitError) {
      throw new StatusError('RequestEntityTooLarge', `Request entity too large: ${error.message}`);
    }
    if (syntax === 'yaml' && !text.startsWith('{')) {
      throw badRequest(unrecognized(bytes, expectedKind, `yaml: ${messageOf(error).split('\n', 1)[0]}`), error);
    }
    throw badRequest(unrecognized(bytes, expectedKind, `json parse error: ${jsonProblem(text)}`), error);
  }
}

function parseProtobuf(bytes: Buffer, expectedKind: string): unknown {
  try {
    const value = decodeProtobuf(bytes);
    if (isValueTooDeep(value)) throw new ProtobufError(tooDeep);
    return value;
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw badRequest(`the object provided is unrecognized (must be of type ${expectedKind}): ${error.message}`, error);
  }
}

function unrecognized(bytes: Buffer, expectedKind: string, problem: string): string {
  return `the object provided is unrecognized (must be of type ${expectedKind}): couldn't get version/kind; ${problem} (${summary(bytes)})`;
}

const summaryBytes = 30;

/** As upstream: text when it looks like JSON, else hexadecimal. */
function summary(bytes: Buffer): string {
  const head = bytes.subarray(0, summaryBytes);
  const more = bytes.length > summaryBytes ? ' ...' : '';
  return (bytes[0] === 0x7b ? head.toString() : head.toString('hex')) + more;
}
