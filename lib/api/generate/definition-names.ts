import { metaPackage, packageOfGroup, type Resource } from './api-resources.ts';
import type { Message } from './messages.ts';
import type { Model } from './read-models.ts';

/**
 * Finds the definition that each model class was generated from. `V1Pod` can only be a `Pod` of a package ending in `.v1`; where two
 * packages have one, the client's generator put the group in front: `CoreV1Event`, `EventsV1Event`.
 */
export function resolveDefinitionNames(
  models: readonly Model[],
  messages: ReadonlyMap<string, Message>,
  resources: readonly Resource[],
): Map<string, string> {
  const packages = new Set(resources.map(({ group, version }) => `${packageOfGroup(group)}.${version}`));
  packages.add(metaPackage);
  const definitions = [...messages.keys()].filter((name) => packages.has(packageOf(name)));
  return new Map(models.map((model) => [model.className, resolveOne(model, definitions, messages)]));
}

function resolveOne(model: Model, definitions: readonly string[], messages: ReadonlyMap<string, Message>): string {
  if (model.className === 'VersionInfo') return 'io.k8s.apimachinery.pkg.version.Info';
  const parts = /^([A-Z][a-z]+)?(V\d+(?:(?:alpha|beta)\d+)?)([A-Z].*)$/.exec(model.className);
  if (!parts) throw new Error(`unexpected name of a class: ${model.className}`);
  const [, group, version = '', name] = parts;
  const suffix = `.${version.toLowerCase()}.${name}`;
  const candidates = definitions
    .filter((definition) => definition.endsWith(suffix))
    .filter((definition) => group === undefined || definition.includes(`.${group.toLowerCase()}.`));
  const [best, next] = candidates
    .map((definition) => ({ definition, score: similarity(model, messages.get(definition)) }))
    .sort((a, b) => b.score - a.score);
  if (!best) throw new Error(`no message for the class ${model.className}`);
  if (next && next.score === best.score)
    throw new Error(`${model.className} may be ${best.definition} or ${next.definition}`);
  return best.definition;
}

function similarity(model: Model, message: Message | undefined): number {
  const shared = model.properties.filter(({ name }) => message?.fields.has(name)).length;
  return shared / Math.max(1, model.properties.length, message?.fields.size ?? 0);
}

function packageOf(definition: string): string {
  return definition.slice(0, definition.lastIndexOf('.'));
}
