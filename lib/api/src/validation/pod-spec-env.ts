import { configKeyProblems, dnsSubdomainProblems, envNameProblems, qualifiedNameProblems } from '../names.ts';
import { canonicalQuantity, tryParseQuantity } from '../quantity.ts';
import type { EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector } from '../types.ts';
import { type FieldError, invalid, notSupported, pushInvalid, required } from './field-error.ts';

/** Sorted, as errors show them. */
const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const volumeFields = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];
const podFields = new Set([...envFields, ...volumeFields, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase']);
const resourceFields = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const hugePages = /^(limits|requests)\.hugepages-/;
const subscripted = /^([^[\]]+)\['([^']*)'\]$/;

export function validateEnv(errors: FieldError[], variables: readonly EnvVar[], path: string): void {
  variables.forEach(({ name, value, valueFrom }, i) => {
    const at = `${path}[${i}]`;
    if (!name) errors.push(required(`${at}.name`));
    else pushInvalid(errors, `${at}.name`, name, envNameProblems(name));
    if (valueFrom) validateValueFrom(errors, valueFrom, value ?? '', `${at}.valueFrom`);
  });
}

function validateValueFrom(errors: FieldError[], source: EnvVarSource, value: string, path: string): void {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef) validateFieldRef(errors, fieldRef, envFields, `${path}.fieldRef`);
  if (resourceFieldRef) validateResourceFieldRef(errors, resourceFieldRef, `${path}.resourceFieldRef`);
  if (configMapKeyRef) validateKeyRef(errors, configMapKeyRef, `${path}.configMapKeyRef`);
  if (secretKeyRef) validateKeyRef(errors, secretKeyRef, `${path}.secretKeyRef`);
  const sources = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef];
  const count = sources.filter((candidate) => candidate !== undefined).length;
  if (count === 0) {
    const detail =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.push(invalid(path, '', detail));
  } else if (value !== '') errors.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (count > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
}

interface KeyRef {
  readonly name?: string;
  readonly key: string;
}

function validateKeyRef(errors: FieldError[], { name = '', key }: KeyRef, path: string): void {
  pushInvalid(errors, `${path}.name`, name, dnsSubdomainProblems(name));
  if (!key) errors.push(required(`${path}.key`));
  else pushInvalid(errors, `${path}.key`, key, configKeyProblems(key));
}

export function validateEnvFrom(errors: FieldError[], sources: readonly EnvFromSource[], path: string): void {
  sources.forEach(({ prefix, configMapRef, secretRef }, i) => {
    const at = `${path}[${i}]`;
    if (prefix) pushInvalid(errors, `${at}.prefix`, prefix, envNameProblems(prefix));
    if (configMapRef) validateReference(errors, configMapRef.name, `${at}.configMapRef`);
    if (secretRef) validateReference(errors, secretRef.name, `${at}.secretRef`);
    if (!configMapRef && !secretRef) {
      errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (configMapRef && secretRef) {
      errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
    }
  });
}

function validateReference(errors: FieldError[], name: string | undefined, path: string): void {
  if (!name) errors.push(required(`${path}.name`));
  else pushInvalid(errors, `${path}.name`, name, dnsSubdomainProblems(name));
}

/** The downward API, in variables and in files. */
export function validateVolumeFieldRef(errors: FieldError[], reference: ObjectFieldSelector, path: string): void {
  validateFieldRef(errors, reference, volumeFields, path);
}

function validateFieldRef(
  errors: FieldError[],
  { apiVersion, fieldPath }: ObjectFieldSelector,
  allowed: readonly string[],
  path: string,
): void {
  if (!apiVersion) errors.push(required(`${path}.apiVersion`));
  else if (!fieldPath) errors.push(required(`${path}.fieldPath`));
  else if (apiVersion !== 'v1') {
    const detail = `error converting fieldPath: unsupported pod version: ${apiVersion}`;
    errors.push(invalid(`${path}.fieldPath`, fieldPath, detail));
  } else validateFieldPath(errors, fieldPath, allowed, path);
}

function validateFieldPath(errors: FieldError[], fieldPath: string, allowed: readonly string[], path: string): void {
  const [, map, key = ''] = subscripted.exec(fieldPath) ?? [];
  if (map === 'metadata.annotations')
    pushInvalid(errors, path, key.toLowerCase(), qualifiedNameProblems(key.toLowerCase()));
  else if (map === 'metadata.labels') pushInvalid(errors, path, key, qualifiedNameProblems(key));
  else if (map !== undefined && podFields.has(map)) errors.push(invalid(path, map, 'does not support subscript'));
  else if (!podFields.has(fieldPath)) {
    const detail = `error converting fieldPath: field label not supported: ${fieldPath}`;
    errors.push(invalid(`${path}.fieldPath`, fieldPath, detail));
  } else if (!allowed.includes(fieldPath)) errors.push(notSupported(`${path}.fieldPath`, fieldPath, allowed));
}

/** In a file the container must be named; in a variable it is the container at hand. */
export function validateResourceFieldRef(
  errors: FieldError[],
  { containerName, resource, divisor }: ResourceFieldSelector,
  path: string,
  inVolume = false,
): void {
  if (inVolume && !containerName) errors.push(required(`${path}.containerName`));
  else if (!resource) errors.push(required(`${path}.resource`));
  else if (!resourceFields.includes(resource) && !hugePages.test(resource)) {
    errors.push(notSupported(`${path}.resource`, resource, resourceFields));
  }
  if (divisor !== undefined && resource) validateDivisor(errors, resource, divisor, `${path}.divisor`);
}

const byteDivisors = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei';
const byteDivisorSet = new Set(byteDivisors.split(', '));

function validateDivisor(errors: FieldError[], resource: string, divisor: string, path: string): void {
  const parsed = tryParseQuantity(divisor);
  if (!parsed) {
    errors.push(invalid(path, divisor, 'must be a quantity'));
    return;
  }
  if (parsed.nanos === 0n) return;
  const canonical = canonicalQuantity(divisor);
  if (resource.endsWith('.cpu')) {
    if (canonical === '1m' || canonical === '1') return;
    errors.push(invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource"));
    return;
  }
  if (byteDivisorSet.has(canonical)) return;
  const what = hugePages.test(resource)
    ? 'hugepages'
    : resource.endsWith('.memory')
      ? 'memory'
      : 'local ephemeral storage';
  errors.push(invalid(path, resource, `only divisor's values ${byteDivisors} are supported with the ${what} resource`));
}
