// The OpenAPI documents in both versions and all forms. The schemas are kept in v3 form; v2 says the same with other words.

import type { Buffer } from 'node:buffer';
import { apiVersionOf } from '@slipway/api/resources';
import { type Operation, type Parameter, type Paths, resourcePaths } from './openapi-paths.ts';
import { OpenApiV2Writer } from './openapi-v2-protobuf.ts';
import {
  customSchemas,
  definitionsByKind,
  reachableSchemas,
  type SchemaTexts,
  schemaRefPrefix,
  v2SchemaText,
} from './schema-texts.ts';
import type { AdvertisedResource } from './advertised-resource.ts';

const info = { title: 'Kubernetes', version: 'v1.36.0' };
const security = {
  BearerToken: { type: 'apiKey', name: 'authorization', in: 'header', description: 'Bearer Token authentication' },
};

/** `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`, for the resources of that group and version. */
export function openApiV3Json(resources: readonly AdvertisedResource[], builtIn: SchemaTexts): string {
  const { paths, schemas } = assemble(resources, builtIn);
  const head = JSON.stringify({ openapi: '3.0.0', info, paths: mapPaths(paths, v3Operation, v3Parameter) });
  const definitions = [...schemas].map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  const securitySchemes = JSON.stringify(security);
  return `${head.slice(0, -1)},"components":{"schemas":{${definitions.join(',')}},"securitySchemes":${securitySchemes}}}`;
}

/** `/openapi/v2`, for everything served. */
export function openApiV2Json(resources: readonly AdvertisedResource[], builtIn: SchemaTexts): string {
  const { paths, schemas } = assemble(resources, builtIn);
  const head = JSON.stringify({ swagger: '2.0', info, paths: mapPaths(paths, v2Operation, v2Parameter) });
  const definitions = [...schemas].map(([name, text]) => `${JSON.stringify(name)}:${v2SchemaText(name, text)}`);
  const tail = JSON.stringify({ securityDefinitions: security, security: [{ BearerToken: [] }] });
  return `${head.slice(0, -1)},"definitions":{${definitions.join(',')}},${tail.slice(1)}`;
}

/** The same as protobuf. One definition at a time is in memory as objects. */
export function openApiV2Protobuf(resources: readonly AdvertisedResource[], builtIn: SchemaTexts): Buffer {
  const { paths, schemas } = assemble(resources, builtIn);
  const writer = new OpenApiV2Writer();
  writer.head('2.0', info);
  writer.paths(mapPaths(paths, v2Operation, v2Parameter));
  writer.definitions(schemas.keys(), (name) => JSON.parse(v2SchemaText(name, schemas.get(name) ?? '{}')) as object);
  return writer.finish();
}

function assemble(
  resources: readonly AdvertisedResource[],
  builtIn: SchemaTexts,
): { paths: Paths; schemas: SchemaTexts } {
  const all = new Map([...builtIn, ...customSchemas(resources)]);
  const names = definitionsByKind(all);
  const paths: Paths = {};
  for (const resource of resources) {
    Object.assign(
      paths,
      resourcePaths(resource, (kind) => names.get(`${apiVersionOf(kind)}/${kind.kind}`)),
    );
  }
  const roots = new Set<string>();
  for (const { operations } of Object.values(paths)) {
    for (const { body, answer } of Object.values(operations)) {
      if (body !== undefined) roots.add(body);
      if (answer !== undefined) roots.add(answer);
    }
  }
  return { paths, schemas: reachableSchemas(all, roots) };
}

function mapPaths(
  paths: Paths,
  mapOperation: (operation: Operation) => object,
  mapParameter: (parameter: Parameter) => object,
): Record<string, object> {
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

const answerTypes = ['application/json', 'application/yaml'];

function v3Operation(operation: Operation): object {
  const { body, bodyTypes = [], answer, parameters } = operation;
  const content = (definition: string, types: readonly string[]) =>
    Object.fromEntries(types.map((type) => [type, { schema: { $ref: schemaRefPrefix + definition } }]));
  const text = { 'text/plain': { schema: { type: 'string' } } };
  return {
    ...operationHead(operation),
    parameters: parameters.map(v3Parameter),
    ...(body === undefined ? {} : { requestBody: { content: content(body, bodyTypes) } }),
    responses: {
      200: { description: 'OK', content: answer === undefined ? text : content(answer, answerTypes) },
      401: { description: 'Unauthorized' },
    },
  };
}

function v3Parameter({ type, ...parameter }: Parameter): object {
  return { ...parameter, ...(parameter.in === 'path' ? { required: true } : {}), schema: { type, uniqueItems: true } };
}

function v2Operation(operation: Operation): object {
  const { body, bodyTypes = ['*/*'], answer, parameters } = operation;
  const bodyParameter = { name: 'body', in: 'body', schema: { $ref: `#/definitions/${body}` } };
  return {
    ...operationHead(operation),
    consumes: bodyTypes,
    produces: answerTypes,
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

function v2Parameter(parameter: Parameter): object {
  return { ...parameter, ...(parameter.in === 'path' ? { required: true } : {}), uniqueItems: true };
}
