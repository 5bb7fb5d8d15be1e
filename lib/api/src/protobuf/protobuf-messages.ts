// The protobuf messages of the API, read from `generated/protobuf-messages.ts`. A line is parsed when somebody first asks for it.

import { protobufLines } from '../generated/protobuf-messages.ts';

export interface ProtobufField {
  readonly name: string;
  readonly repeated: boolean;
  /** A scalar, or the full name of a message; of a map, that of its values. */
  readonly type: string;
  readonly isMap: boolean;
}

/** By field number. */
export type ProtobufMessage = ReadonlyMap<number, ProtobufField>;

const scalars = new Set(['string', 'bool', 'bytes', 'double', 'int32', 'int64']);

let lines: Map<string, string> | undefined;
const parsed = new Map<string, ProtobufMessage>();

/** `k8s.io.api.core.v1.Pod`; undefined when there is none of that name. */
export function protobufMessage(name: string): ProtobufMessage | undefined {
  const known = parsed.get(name);
  if (known) return known;
  lines ??= new Map(protobufLines.split('\n').map((line) => line.split('\t', 2) as [string, string]));
  const line = lines.get(name);
  if (line === undefined) return undefined;
  const message = new Map(line.split(' ').map((field) => parseField(field, name.slice(0, name.lastIndexOf('.')))));
  parsed.set(name, message);
  return message;
}

function parseField(text: string, packageName: string): [number, ProtobufField] {
  const [number = '', label, name = '', type = ''] = text.split(':');
  const map = /^map<string,(.*)>$/.exec(type);
  const field = {
    name,
    repeated: label === 'r',
    type: absoluteName(map?.[1] ?? type, packageName),
    isMap: map !== null,
  };
  return [Number(number), field];
}

function absoluteName(type: string, packageName: string): string {
  if (type.startsWith('.')) return type.slice(1);
  return scalars.has(type) ? type : `${packageName}.${type}`;
}

/** `k8s.io.api.core.v1.Pod` is called `io.k8s.api.core.v1.Pod` in OpenAPI documents, and the reverse. */
export function definitionOfMessage(message: string): string {
  return message.replace(/^k8s\.io\./, 'io.k8s.').replaceAll('_', '-');
}

export function messageOfDefinition(definition: string): string {
  return definition.replace(/^io\.k8s\./, 'k8s.io.').replaceAll('-', '_');
}
