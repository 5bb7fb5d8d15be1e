/** A definition's schema as the OpenAPI documents show it: with the metadata that every object has, and in words that old clients understand. */
import { isObjectSchema, type JsonSchema } from './json-schema.ts';

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const schemaPrefix = '#/components/schemas/';

const typeMeta = {
  apiVersion: {
    type: 'string',
    description: 'The version of the schema of this object: the group and version under which it is served.',
  },
  kind: { type: 'string', description: 'The name of the resource that this object is one of, in CamelCase.' },
};

export function publishedSchema(schema: JsonSchema): object {
  const { properties = {}, ...rest } = plainPart(schema) as JsonSchema;
  const metadata = {
    description: 'Standard metadata of every object.',
    allOf: [{ $ref: schemaPrefix + objectMeta }],
  };
  return { ...rest, type: 'object', properties: { ...properties, ...typeMeta, metadata } };
}

/** What clients would trip over is left out: pruning is the server's, and a value of any kind has no one type. */
function plainPart(schema: JsonSchema): object {
  if (schema['x-kubernetes-int-or-string']) {
    const { anyOf: _, allOf: __, ...rest } = schema;
    return { ...rest, 'x-kubernetes-int-or-string': true };
  }
  const { properties, items, additionalProperties, ...rest } = schema;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const own =
    properties && Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, plainPart(part)]));
  return {
    ...rest,
    ...(own || isEmbedded ? { properties: { ...own, ...(isEmbedded ? embeddedMeta() : {}) } } : {}),
    ...(items ? { items: plainPart(items) } : {}),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties: isObjectSchema(additionalProperties)
            ? plainPart(additionalProperties)
            : additionalProperties,
        }),
  };
}

function embeddedMeta(): object {
  return { ...typeMeta, metadata: { allOf: [{ $ref: schemaPrefix + objectMeta }] } };
}
