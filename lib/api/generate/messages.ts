// The protobuf messages know what the client's classes have forgotten: the package a type lives in, and which strings are quantities.

import { readTsv } from './read-tsv.ts';

export interface Message {
  /** The name of the definition in OpenAPI documents: `io.k8s.api.core.v1.Pod`. */
  readonly definition: string;
  /** Field name to type: a scalar, or the definition name of a message, or `map<string,` one of these `>`. */
  readonly fields: ReadonlyMap<string, string>;
}

export function readMessages(): Map<string, Message> {
  const messages = new Map<string, { definition: string; fields: Map<string, string> }>();
  for (const { message, field, type } of readTsv<'message' | 'field' | 'type'>('protobuf-fields')) {
    const definition = definitionName(message);
    const entry = messages.get(definition) ?? { definition, fields: new Map() };
    entry.fields.set(field, absoluteType(type, definition.slice(0, definition.lastIndexOf('.'))));
    messages.set(definition, entry);
  }
  return messages;
}

/** `k8s.io.kube_aggregator.pkg.X` is called `io.k8s.kube-aggregator.pkg.X` in OpenAPI documents. */
function definitionName(message: string): string {
  return message.replace(/^k8s\.io\./, 'io.k8s.').replaceAll('_', '-');
}

const scalars = new Set(['string', 'bool', 'bytes', 'double', 'int32', 'int64']);

function absoluteType(type: string, packageName: string): string {
  const map = /^map<string,(.*)>$/.exec(type);
  if (map) return `map<string,${absoluteType(map[1] ?? '', packageName)}>`;
  if (type.startsWith('.')) return definitionName(type.slice(1));
  return scalars.has(type) ? type : `${packageName}.${type}`;
}

/**
 * The type of a property on the wire. Go embeds some structs, which JSON flattens and protobuf does not: a message field that is
 * no property itself is looked through.
 */
export function fieldType(
  messages: ReadonlyMap<string, Message>,
  definition: string,
  property: string,
  properties: ReadonlySet<string>,
): string | undefined {
  const fields = messages.get(definition)?.fields;
  if (!fields) return undefined;
  const direct = fields.get(property);
  if (direct !== undefined) return direct;
  for (const [name, type] of fields) {
    if (properties.has(name) || !messages.has(type)) continue;
    const inner = fieldType(messages, type, property, properties);
    if (inner !== undefined) return inner;
  }
  return undefined;
}
