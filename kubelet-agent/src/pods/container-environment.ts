import type { ConfigMap, Container, EnvVar, EnvVarSource, Secret } from '@slipway/api/types';
import { expandVariables } from './expand-variables.ts';
import { type PodFacts, resolveField, resolveResource } from '../volumes/field-reference.ts';

/** The config maps and secrets of the pod's namespace that its containers name. Undefined = it does not exist. */
export interface EnvironmentSources {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
}

export interface EnvironmentInput {
  readonly container: Container;
  readonly facts: PodFacts;
  readonly sources: EnvironmentSources;
  /** Variables about services, the weakest of all. */
  readonly serviceVariables: ReadonlyMap<string, string>;
}

/** The container cannot be made as it is described; the message is upstream's and goes into its status. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError';
}

export interface ContainerEnvironment {
  readonly variables: ReadonlyMap<string, string>;
  /** Names in config maps and secrets that are no variable names and were left out, by source. */
  readonly skipped: readonly { readonly source: string; readonly names: readonly string[] }[];
}

/** Pure. envFrom first, then env; a later one wins; values see the variables before them. */
export function containerEnvironment(input: EnvironmentInput): ContainerEnvironment {
  const variables = new Map<string, string>();
  const skipped = addSources(variables, input);
  for (const variable of input.container.env ?? []) {
    const value = variableValue(variable, variables, input);
    if (value !== undefined) variables.set(variable.name, value);
  }
  const all = new Map(input.serviceVariables);
  for (const [name, value] of variables) all.set(name, value);
  return { variables: all, skipped };
}

function addSources(variables: Map<string, string>, { container, sources }: EnvironmentInput) {
  const skipped: { source: string; names: string[] }[] = [];
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef;
    const name = ref?.name ?? '';
    const kind = configMapRef ? 'configmap' : 'secret';
    const object = configMapRef ? sources.configMap(name) : sources.secret(name);
    if (!object) {
      if (ref?.optional) continue;
      throw new ContainerConfigError(`${kind} "${name}" not found`);
    }
    const bad: string[] = [];
    for (const [key, raw] of Object.entries(object.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (isVariableName(prefix + key)) variables.set(prefix + key, configMapRef ? raw : decoded(raw));
      else bad.push(prefix + key);
    }
    if (bad.length > 0) skipped.push({ source: `${kind} ${object.metadata.namespace}/${name}`, names: bad });
  }
  return skipped;
}

/** Any printable ASCII but `=`. */
function isVariableName(name: string): boolean {
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(name);
}

function variableValue(
  { value, valueFrom }: EnvVar,
  before: ReadonlyMap<string, string>,
  input: EnvironmentInput,
): string | undefined {
  if (value) return expandVariables(value, (name) => before.get(name) ?? input.serviceVariables.get(name));
  return valueFrom ? valueFromSource(valueFrom, input) : '';
}

function valueFromSource(from: EnvVarSource, { container, facts, sources }: EnvironmentInput): string | undefined {
  if (from.fieldRef) return resolveField(from.fieldRef, facts);
  if (from.resourceFieldRef) return resolveResource(from.resourceFieldRef, container, facts);
  if (from.configMapKeyRef) {
    const { name = '', key, optional } = from.configMapKeyRef;
    const map = sources.configMap(name);
    const value = map?.data?.[key];
    if (value !== undefined || optional) return value;
    if (!map) throw new ContainerConfigError(`configmap "${name}" not found`);
    throw new ContainerConfigError(`couldn't find key ${key} in ConfigMap ${facts.pod.metadata.namespace}/${name}`);
  }
  if (from.secretKeyRef) {
    const { name = '', key, optional } = from.secretKeyRef;
    const secret = sources.secret(name);
    const value = secret?.data?.[key];
    if (value !== undefined) return decoded(value);
    if (optional) return undefined;
    if (!secret) throw new ContainerConfigError(`secret "${name}" not found`);
    throw new ContainerConfigError(`couldn't find key ${key} in Secret ${facts.pod.metadata.namespace}/${name}`);
  }
  return undefined;
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}

/** Names of config maps and secrets that the container's environment needs. */
export function environmentReferences(container: Container): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef?.name) configMaps.add(configMapRef.name);
    if (secretRef?.name) secrets.add(secretRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) configMaps.add(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name) secrets.add(valueFrom.secretKeyRef.name);
  }
  return { configMaps, secrets };
}
