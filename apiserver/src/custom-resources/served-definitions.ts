/** What is served of a definition: one resource for each of its served versions. */
import { type ApiResource, apiVersionOf, type Verb } from '@slipway/api/resources';
import type { ServedResource } from '../registry/kinds.ts';
import { ResourceStore, type ResourceStoreDeps } from '../registry/resource-store.ts';
import { type ConverterDeps, converterOf } from './conversion/converter.ts';
import { versionForm } from './conversion/version-form.ts';
import { customStrategy } from './custom-strategy.ts';
import { type CustomResourceDefinition, type DefinitionVersion, isConditionTrue } from './definition/definition.ts';
import { publishedSchema } from './schema/published-schema.ts';
import { customPrinter } from './printer-columns.ts';
import { compileDefaults } from './schema/defaults.ts';
import { pruner } from './schema/pruning.ts';
import { structuralSchema } from './schema/to-structural.ts';

const verbs: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const terminatingText = 'create not allowed while custom resource definition is terminating';

export interface ServeDeps extends ResourceStoreDeps, ConverterDeps {}

export function isServed(definition: CustomResourceDefinition): boolean {
  return isConditionTrue(definition, 'Established');
}

export function servedResources(definition: CustomResourceDefinition, deps: ServeDeps): ServedResource[] {
  return definition.spec.versions
    .filter(({ served }) => served)
    .map((version) => servedVersion(definition, version, deps));
}

function servedVersion(
  definition: CustomResourceDefinition,
  version: DefinitionVersion,
  deps: ServeDeps,
): ServedResource {
  const { spec } = definition;
  const api = apiOf(definition, version);
  const jsonSchema = version.schema?.openAPIV3Schema ?? {};
  const schema = structuralSchema(jsonSchema);
  const form = formOf(definition, version, deps);
  const isTerminating = definition.metadata.deletionTimestamp !== undefined;
  const { objects, clock, random } = deps;
  return {
    api,
    schema,
    store: new ResourceStore(customStrategy(api, version), schema, { objects, clock, random }, { form }),
    view: undefined,
    typing: 'unstructured',
    printer: customPrinter(version.additionalPrinterColumns),
    openApiSchema: publishedSchema(jsonSchema),
    ...(version.deprecated
      ? { deprecationWarning: version.deprecationWarning ?? `${apiVersionOf(api)} ${spec.names.kind} is deprecated` }
      : {}),
    ...(isTerminating ? { refusesCreate: terminatingText } : {}),
  };
}

/** None for the usual case: one version, a schema that was never another one, and nothing that could be filled in when an object is read. */
function formOf({ spec, metadata }: CustomResourceDefinition, version: DefinitionVersion, deps: ServeDeps) {
  const { group, versions } = spec;
  const schema = version.schema?.openAPIV3Schema ?? {};
  const hasDefaults = JSON.stringify(schema).includes('"default":');
  const mayBeOlder = (metadata.generation ?? 1) > 1;
  if (versions.length === 1 && !hasDefaults && !mayBeOlder) return undefined;
  const stored = versions.find(({ storage }) => storage) ?? version;
  return versionForm({
    apiVersion: apiVersionOf({ group, version: version.name }),
    storedApiVersion: apiVersionOf({ group, version: stored.name }),
    converter: converterOf(spec, deps),
    applyDefaults: hasDefaults ? compileDefaults(schema) : undefined,
    prune: mayBeOlder ? pruner(structuralSchema(schema)) : undefined,
  });
}

function apiOf(
  { spec, status }: CustomResourceDefinition,
  { name: version, subresources }: DefinitionVersion,
): ApiResource {
  const { group, scope } = spec;
  const names = status?.acceptedNames ?? spec.names;
  const own = { group, version, kind: names.kind };
  return {
    ...own,
    resource: names.plural,
    namespaced: scope === 'Namespaced',
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs,
    subresources: [
      ...(subresources?.status ? [{ name: 'status', ...own, verbs: ['get', 'patch', 'update'] as const }] : []),
      ...(subresources?.scale
        ? [
            {
              name: 'scale',
              group: 'autoscaling',
              version: 'v1',
              kind: 'Scale',
              verbs: ['get', 'patch', 'update'] as const,
            },
          ]
        : []),
    ],
  };
}
