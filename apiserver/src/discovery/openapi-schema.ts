import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The part of an OpenAPI v3 schema object that the generated document uses. */
export interface OpenApiSchema {
  readonly $ref?: string;
  readonly allOf?: readonly OpenApiSchema[];
  readonly oneOf?: readonly OpenApiSchema[];
  readonly items?: OpenApiSchema;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema;
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

/** Definition name to schema. */
export type OpenApiSchemas = Readonly<Record<string, OpenApiSchema>>;

export const schemaRefPrefix = '#/components/schemas/';

/**
 * Reads the generated document, descriptions and all. It is a megabyte of text and several of objects, wanted a few times in the life of
 * a server: it stays on disk, and callers let go of it.
 */
export function readBuiltInSchemas(): OpenApiSchemas {
  const document = JSON.parse(readFileSync(builtInDocumentPath(), 'utf8')) as {
    components: { schemas: OpenApiSchemas };
  };
  return document.components.schemas;
}

export function builtInDocumentPath(): string {
  return fileURLToPath(import.meta.resolve('@slipway/api/openapi.json'));
}

/** The definitions that `roots` lead to, themselves included, sorted by name. */
export function reachableSchemas(schemas: OpenApiSchemas, roots: readonly string[]): Record<string, OpenApiSchema> {
  const found = new Map<string, OpenApiSchema>();
  const pending = [...roots];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const schema = schemas[name];
    if (!schema || found.has(name)) continue;
    found.set(name, schema);
    pending.push(...references(schema));
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function references(schema: OpenApiSchema): string[] {
  const inner = [
    ...(schema.allOf ?? []),
    ...Object.values(schema.properties ?? {}),
    ...(schema.items ? [schema.items] : []),
    ...(schema.additionalProperties ? [schema.additionalProperties] : []),
  ].flatMap(references);
  return schema.$ref === undefined ? inner : [schema.$ref.slice(schemaRefPrefix.length), ...inner];
}
