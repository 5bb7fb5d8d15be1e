/** Answers as bytes. What is stored goes out as the bytes that are stored; a list is a join of them. */
import { apiVersionOf } from '@slipway/api/resources';
import type { KubeObject } from '@slipway/api/types';
import { stringify as stringifyYaml } from 'yaml';
import type { ServedResource } from '../registry/kinds.ts';
import type { ObjectList } from '../registry/list-objects.ts';
import type { StoredObject } from '../storage/object-store.ts';
import type { Answer } from './answer.ts';
import type { AnswerForm } from './negotiation.ts';
import { listAnswer, objectAnswer, type Pause, storedAnswer } from './protobuf/protobuf-answer.ts';
import { reshape, reshapeList } from './reshape.ts';

export interface Encoded {
  readonly code: number;
  readonly contentType: string;
  readonly bytes: number;
  /** In order; each of a size that a socket likes. */
  readonly chunks: Iterable<Buffer>;
}

export interface EncodeOptions {
  readonly form: AnswerForm;
  readonly pretty: boolean;
  /** `includeObject` of a Table: what its rows carry. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  readonly nowMs: number;
  /** Awaited now and then by long work on an answer. */
  readonly pause: Pause;
}

type Answered = Exclude<Answer, { kind: 'watch' }>;

/** Throws StatusError NotAcceptable for what has no protobuf form. */
export function encodeAnswer(answer: Answered, options: EncodeOptions): Encoded | Promise<Encoded> {
  return options.form.syntax === 'protobuf' ? encodeAsProtobuf(answer, options) : encodeAsText(answer, options);
}

function encodeAsProtobuf(answer: Answered, options: EncodeOptions): Encoded | Promise<Encoded> {
  const { as } = options.form;
  switch (answer.kind) {
    case 'stored':
      return as
        ? encodeObject(answer.code, shownObject(answer.stored, answer.served), answer.served, options)
        : storedAnswer(answer.code, answer.stored, answer.served);
    case 'object':
      return encodeObject(answer.code, answer.object, answer.served, options);
    case 'list':
      // The older version of that list has its fields the other way round; nobody asks for it often.
      if (as && options.form.metaVersion === 'v1beta1') {
        return encodeValue(200, shownList(answer.list, answer.served, options), options);
      }
      return listAnswer(answer.list, listMetadata(answer.list), answer.served, as !== undefined, options.pause);
  }
}

function encodeAsText(answer: Answered, options: EncodeOptions): Encoded {
  const { form, pretty } = options;
  const isPlain = form.as === undefined && form.syntax === 'json' && !pretty;
  switch (answer.kind) {
    case 'stored':
      return isPlain && !answer.served.view
        ? encodedBytes(answer.code, answer.stored.bytes)
        : encodeObject(answer.code, shownObject(answer.stored, answer.served), answer.served, options);
    case 'object':
      return encodeObject(answer.code, answer.object, answer.served, options);
    case 'list':
      return isPlain
        ? encodeList(answer.list, answer.served)
        : encodeValue(200, shownList(answer.list, answer.served, options), options);
  }
}

/** Anything that is JSON: Status, discovery, reviews. */
export function encodeValue(
  code: number,
  value: unknown,
  { form, pretty }: Pick<EncodeOptions, 'form' | 'pretty'>,
): Encoded {
  if (form.syntax === 'protobuf') return objectAnswer(code, value as object);
  if (form.syntax === 'yaml') {
    const bytes = Buffer.from(stringifyYaml(value));
    return { code, contentType: 'application/yaml', bytes: bytes.length, chunks: [bytes] };
  }
  return encodedBytes(
    code,
    Buffer.from(JSON.stringify(value, undefined, pretty ? 2 : undefined) + (pretty ? '\n' : '')),
  );
}

function encodeObject(
  code: number,
  object: object,
  served: ServedResource | undefined,
  options: EncodeOptions,
): Encoded {
  const { as } = options.form;
  const shown = as && served && isOwn(object, served) ? reshape(object as KubeObject, served, as, options) : object;
  return encodeValue(code, shown, options);
}

/** A Status or a Scale is not reshaped, though it is answered below a resource. */
function isOwn(object: object, { api }: ServedResource): boolean {
  return (object as { kind?: unknown }).kind === api.kind;
}

function encodedBytes(code: number, bytes: Buffer): Encoded {
  return { code, contentType: 'application/json', bytes: bytes.length, chunks: [bytes] };
}

export function shownObject({ object }: Pick<StoredObject, 'object'>, { view }: ServedResource): KubeObject {
  return view ? view.toServed(object) : object;
}

function shownList(list: ObjectList, served: ServedResource, options: EncodeOptions): object {
  const objects = list.items.map((stored) => shownObject(stored, served));
  const { as } = options.form;
  if (as) return reshapeList(objects, listMetadata(list), served, as, options);
  return listObject(objects, list, served);
}

/** A list as an object, as in-process callers get it. */
export function listObject(items: readonly KubeObject[], list: ObjectList, { api }: ServedResource): object {
  return { kind: `${api.kind}List`, apiVersion: apiVersionOf(api), metadata: listMetadata(list), items };
}

function listMetadata(list: ObjectList) {
  return {
    resourceVersion: String(list.revision),
    ...(list.continue === undefined ? {} : { continue: list.continue }),
    ...(list.remaining === undefined ? {} : { remainingItemCount: list.remaining }),
  };
}

/** Small objects are copied together: a TLS record per object would cost more than the copy. */
const chunkBytes = 256 * 1024;
const comma = Buffer.from(',');
const listEnd = Buffer.from(']}\n');

function encodeList(list: ObjectList, served: ServedResource): Encoded {
  const head = Buffer.from(`${JSON.stringify(listObject([], list, served)).slice(0, -2)}`);
  const parts = served.view
    ? list.items.map((stored) => Buffer.from(JSON.stringify(shownObject(stored, served))))
    : list.items.map(({ bytes }) => bytes);
  const items = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = head.length + items + Math.max(parts.length - 1, 0) + listEnd.length;
  return { code: 200, contentType: 'application/json', bytes, chunks: joined(head, parts) };
}

function* joined(head: Buffer, parts: readonly Buffer[]): Generator<Buffer> {
  let waiting: Buffer[] = [head];
  let size = head.length;
  for (const [index, part] of parts.entries()) {
    if (index > 0) waiting.push(comma);
    waiting.push(part);
    size += part.length + 1;
    if (size < chunkBytes) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    size = 0;
  }
  yield Buffer.concat([...waiting, listEnd]);
}
