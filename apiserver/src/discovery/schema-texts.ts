// The generated schemas as JSON text. They are a megabyte with their descriptions, and parsed several times that, for a use that comes a
// few times in the life of a server. So nothing parses them: the file has one line per definition, documents are put together from
// lines, references are found by their look. (A quote inside a description is escaped, so no description looks like a reference.)

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { apiVersionOf } from '@slipway/api/resources';
import type { AdvertisedResource } from './advertised-resource.ts';

/** Definition name to the JSON text of its schema, in OpenAPI v3 form. */
export type SchemaTexts = ReadonlyMap<string, string>;

export const schemaRefPrefix = '#/components/schemas/';

export function builtInDocumentPath(): string {
  return fileURLToPath(import.meta.resolve('@slipway/api/openapi.json'));
}

export async function readBuiltInSchemas(): Promise<SchemaTexts> {
  const lines = (await readFile(builtInDocumentPath(), 'utf8')).split('\n');
  const texts = new Map<string, string>();
  for (const line of lines) {
    const definition = /^"([^"]+)":(\{.*?\}),?$/s.exec(line);
    if (definition) texts.set(definition[1] ?? '', definition[2] ?? '');
  }
  return texts;
}

/** The schemas of the custom resources among `resources`, and of their lists. */
export function customSchemas(resources: readonly AdvertisedResource[]): SchemaTexts {
  return new Map(resources.flatMap(customDefinitions));
}

function customDefinitions({ group, version, kind, openApiSchema }: AdvertisedResource): (readonly [string, string])[] {
  if (!openApiSchema) return [];
  const name = [...group.split('.').reverse(), version, kind].join('.');
  const list = {
    type: 'object',
    description: `${kind}List is a list of ${kind}`,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { $ref: `${schemaRefPrefix}io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta` },
      items: { type: 'array', items: { $ref: schemaRefPrefix + name } },
    },
  };
  const of = (schema: object, ownKind: string) =>
    JSON.stringify({ ...schema, 'x-kubernetes-group-version-kind': [{ group, version, kind: ownKind }] });
  return [
    [name, of(openApiSchema, kind)],
    [`${name}List`, of(list, `${kind}List`)],
  ];
}

/** Names of definitions by `GROUP/VERSION/Kind`. */
export function definitionsByKind(schemas: SchemaTexts): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, text] of schemas) {
    const kinds = /"x-kubernetes-group-version-kind":(\[[^\]]*\])/.exec(text)?.[1];
    if (kinds === undefined) continue;
    for (const kind of JSON.parse(kinds) as { group: string; version: string; kind: string }[]) {
      names.set(`${apiVersionOf(kind)}/${kind.kind}`, name);
    }
  }
  return names;
}

/** The definitions that `roots` lead to, themselves included, sorted by name. */
export function reachableSchemas(schemas: SchemaTexts, roots: Iterable<string>): SchemaTexts {
  const found = new Map<string, string>();
  const pending = [...roots];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const text = schemas.get(name);
    if (text === undefined || found.has(name)) continue;
    found.set(name, text);
    for (const [, target = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) pending.push(target);
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The same schema in OpenAPI v2, which knows no alternatives and lets a description stand beside a reference. */
export function v2SchemaText(name: string, text: string): string {
  const references = text
    .replace(/"allOf":\[\{"\$ref":"#\/components\/schemas\/([^"]+)"\}\]/g, '"$$ref":"#/definitions/$1"')
    .replaceAll(`"$ref":"${schemaRefPrefix}`, '"$ref":"#/definitions/');
  if (!/"(?:allOf|anyOf|oneOf|not)":[[{]/.test(references)) return references;
  const schema = withoutAlternatives(JSON.parse(references) as SchemaNode);
  const isScalar = name.endsWith('.Quantity') || name.endsWith('.IntOrString');
  return JSON.stringify(isScalar ? { type: 'string', ...schema } : schema);
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly allOf?: unknown;
  readonly anyOf?: unknown;
  readonly oneOf?: unknown;
  readonly not?: unknown;
}

/** Walks the places where schemas stand, as a property may well be called `not`. */
function withoutAlternatives({ allOf, anyOf, oneOf, not, ...schema }: SchemaNode): SchemaNode {
  const { properties, items, additionalProperties } = schema;
  const entries = Object.entries(properties ?? {}).map(([name, value]) => [name, withoutAlternatives(value)] as const);
  return {
    ...schema,
    ...(properties ? { properties: Object.fromEntries(entries) } : {}),
    ...(items ? { items: withoutAlternatives(items) } : {}),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: withoutAlternatives(additionalProperties) }
      : {}),
  };
}
