// The OpenAPI documents in both versions. The schemas are kept in v3 form; v2 says the same with other words.

import { apiVersionOf } from '@slipway/api/resources';
import { type DefinitionOf, type Operation, type Parameter, type Paths, resourcePaths } from './openapi-paths.ts';
import { type OpenApiSchema, type OpenApiSchemas, reachableSchemas, schemaRefPrefix } from './openapi-schema.ts';
import type { ServedResource } from './served-resource.ts';

const info = { title: 'Kubernetes', version: 'v1.36.0' };
const security = {
  BearerToken: { type: 'apiKey', name: 'authorization', in: 'header', description: 'Bearer Token authentication' },
};

/** `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`, for the resources of that group and version. */
export function openApiV3Document(resources: readonly ServedResource[], builtIn: OpenApiSchemas): object {
  const { paths, schemas } = assemble(resources, builtIn);
  return {
    openapi: '3.0.0',
    info,
    paths: mapPaths(paths, v3Operation, v3Parameter),
    components: { schemas, securitySchemes: security },
  };
}

/** `/openapi/v2`, for everything served. */
export function openApiV2Document(resources: readonly ServedResource[], builtIn: OpenApiSchemas): object {
  const { paths, schemas } = assemble(resources, builtIn);
  const definitions = Object.entries(schemas).map(([name, schema]) => [name, v2Schema(schema, name)] as const);
  return {
    swagger: '2.0',
    info,
    paths: mapPaths(paths, v2Operation, v2Parameter),
    definitions: Object.fromEntries(definitions),
    securityDefinitions: security,
    security: [{ BearerToken: [] }],
  };
}

function assemble(
  resources: readonly ServedResource[],
  builtIn: OpenApiSchemas,
): { paths: Paths; schemas: OpenApiSchemas } {
  const custom = Object.fromEntries(resources.flatMap((resource) => customSchema(resource)));
  const all: OpenApiSchemas = { ...builtIn, ...custom };
  const definitionOf = definitionLookup(all);
  const paths: Paths = Object.assign({}, ...resources.map((resource) => resourcePaths(resource, definitionOf)));
  const roots = Object.values(paths).flatMap(({ operations }) =>
    Object.values(operations).flatMap(({ body, answer }) => [body, answer].filter((root) => root !== undefined)),
  );
  return { paths, schemas: reachableSchemas(all, roots) };
}

function customSchema({ group, version, kind, openApiSchema }: ServedResource): (readonly [string, OpenApiSchema])[] {
  if (!openApiSchema) return [];
  const name = [...group.split('.').reverse(), version, kind].join('.');
  const schema = { ...openApiSchema, 'x-kubernetes-group-version-kind': [{ group, version, kind }] };
  const list: OpenApiSchema = {
    type: 'object',
    description: `${kind}List is a list of ${kind}`,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { $ref: `${schemaRefPrefix}io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta` },
      items: { type: 'array', items: { $ref: schemaRefPrefix + name } },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: `${kind}List` }],
  };
  return [
    [name, schema],
    [`${name}List`, list],
  ];
}

function definitionLookup(schemas: OpenApiSchemas): DefinitionOf {
  const names = new Map<string, string>();
  for (const [name, schema] of Object.entries(schemas)) {
    for (const gvk of schema['x-kubernetes-group-version-kind'] ?? [])
      names.set(`${apiVersionOf(gvk)}/${gvk.kind}`, name);
  }
  return (kind) => names.get(`${apiVersionOf(kind)}/${kind.kind}`);
}

function mapPaths(
  paths: Paths,
  mapOperation: (operation: Operation) => object,
  mapParameter: (parameter: Parameter) => object,
): object {
  return Object.fromEntries(
    Object.entries(paths).map(([path, { operations, parameters }]) => {
      const methods = Object.entries(operations).map(
        ([method, operation]) => [method, mapOperation(operation)] as const,
      );
      return [path, { ...Object.fromEntries(methods), parameters: parameters.map(mapParameter) }];
    }),
  );
}

function operationHead({ description, tag, operationId, action, kind }: Operation): object {
  return {
    description,
    tags: [tag],
    operationId,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': kind,
  };
}

function v3Operation(operation: Operation): object {
  const { body, bodyTypes = [], answer, parameters } = operation;
  const content = (definition: string, types: readonly string[]) =>
    Object.fromEntries(types.map((type) => [type, { schema: { $ref: schemaRefPrefix + definition } }]));
  return {
    ...operationHead(operation),
    parameters: parameters.map(v3Parameter),
    ...(body === undefined ? {} : { requestBody: { content: content(body, bodyTypes) } }),
    responses: {
      200: {
        description: 'OK',
        content:
          answer === undefined
            ? { 'text/plain': { schema: { type: 'string' } } }
            : content(answer, ['application/json', 'application/yaml']),
      },
      401: { description: 'Unauthorized' },
    },
  };
}

function v3Parameter({ name, in: place, type, description }: Parameter): object {
  return {
    name,
    in: place,
    description,
    ...(place === 'path' ? { required: true } : {}),
    schema: { type, uniqueItems: true },
  };
}

function v2Operation(operation: Operation): object {
  const { body, bodyTypes = ['*/*'], answer, parameters } = operation;
  const bodyParameter = { name: 'body', in: 'body', schema: { $ref: `#/definitions/${body}` } };
  return {
    ...operationHead(operation),
    consumes: bodyTypes,
    produces: ['application/json', 'application/yaml'],
    schemes: ['https'],
    parameters: [...parameters.map(v2Parameter), ...(body === undefined ? [] : [bodyParameter])],
    responses: {
      200: {
        description: 'OK',
        schema: answer === undefined ? { type: 'string' } : { $ref: `#/definitions/${answer}` },
      },
      401: { description: 'Unauthorized' },
    },
  };
}

function v2Parameter({ name, in: place, type, description }: Parameter): object {
  return { name, in: place, description, ...(place === 'path' ? { required: true } : {}), type, uniqueItems: true };
}

/** OpenAPI v2 knows no oneOf, and lets a description stand beside a reference. */
function v2Schema(schema: OpenApiSchema, name = ''): object {
  const { allOf, oneOf, $ref, items, properties, additionalProperties, ...rest } = schema;
  const target = ($ref ?? allOf?.[0]?.$ref)?.replace(schemaRefPrefix, '#/definitions/');
  const alternatives = oneOf ? { type: 'string' } : {};
  const entries = Object.entries(properties ?? {}).map(([key, value]) => [key, v2Schema(value)] as const);
  return {
    ...rest,
    ...(name.endsWith('.Quantity') || name.endsWith('.IntOrString') ? alternatives : {}),
    ...(target === undefined ? {} : { $ref: target }),
    ...(items ? { items: v2Schema(items) } : {}),
    ...(properties ? { properties: Object.fromEntries(entries) } : {}),
    ...(additionalProperties ? { additionalProperties: v2Schema(additionalProperties) } : {}),
  };
}
