import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import { tryParseQuantity } from '../quantity.ts';
import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, Volume, VolumeProjection } from '../types.ts';
import { type FieldError, duplicate, forbidden, invalid, notSupported, pushInvalid, required } from './field-error.ts';
import { validateDriverName, validateNetworkDisk } from './network-disks.ts';
import { validateFileMode, validateFilePath, validateNoBacksteps } from './path.ts';
import { validateResourceFieldRef, validateVolumeFieldRef } from './pod-spec-env.ts';

export function validateVolumes(
  errors: FieldError[],
  volumes: readonly Volume[],
  path: string,
  podName: string | undefined,
): void {
  const names = new Set<string>();
  volumes.forEach((volume, i) => {
    const at = `${path}[${i}]`;
    const { name = '' } = volume;
    if (name === '') errors.push(required(`${at}.name`));
    else pushInvalid(errors, `${at}.name`, name, dnsLabelProblems(name));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    validateSource(errors, volume, at, podName);
  });
}

/** What the rules of a source need to know of the volume and the pod around it. */
interface VolumePlace {
  readonly volumeName: string;
  readonly podName: string | undefined;
}

type SourceRule<Type extends keyof Volume> = (
  errors: FieldError[],
  source: NonNullable<Volume[Type]>,
  path: string,
  place: VolumePlace,
) => void;

/** Disks of clouds and networks are elsewhere. */
const sourceRules: { readonly [Type in keyof Volume]?: SourceRule<Type> } = {
  emptyDir: validateEmptyDir,
  hostPath: validateHostPath,
  secret: (errors, { secretName, ...files }, path) => {
    validateFiles(errors, { ...files, name: secretName }, path, 'secretName');
  },
  configMap: (errors, files, path) => {
    validateFiles(errors, files, path, 'name');
  },
  downwardAPI: (errors, { defaultMode, items }, path) => {
    validateFileMode(errors, defaultMode, `${path}.defaultMode`);
    for (const file of items ?? []) validateDownwardFile(errors, file, path);
  },
  projected: validateProjected,
  persistentVolumeClaim: (errors, { claimName }, path) => {
    if (!claimName) errors.push(required(`${path}.claimName`));
  },
  nfs: validateNfs,
  csi: validateCsi,
  ephemeral: validateEphemeral,
  image: validateImage,
};

function validateSource(errors: FieldError[], volume: Volume, path: string, podName: string | undefined): void {
  const types = (Object.keys(volume) as (keyof Volume)[]).filter(
    (type) => type !== 'name' && volume[type] !== undefined,
  );
  const [first, ...more] = types;
  if (first === undefined) {
    errors.push(required(path, 'must specify a volume type'));
    return;
  }
  const rule = sourceRules[first] as ((...args: unknown[]) => void) | undefined;
  const source = volume[first] as object;
  if (!validateNetworkDisk(errors, first, source, `${path}.${first}`)) {
    rule?.(errors, source, `${path}.${first}`, { volumeName: volume.name, podName });
  }
  for (const type of more) errors.push(forbidden(`${path}.${type}`, 'may not specify more than 1 volume type'));
}

function validateEmptyDir(errors: FieldError[], { sizeLimit }: NonNullable<Volume['emptyDir']>, path: string): void {
  const limit = sizeLimit === undefined ? undefined : tryParseQuantity(sizeLimit);
  if (limit && limit.nanos < 0n) {
    errors.push(forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity'));
  }
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

function validateHostPath(errors: FieldError[], source: NonNullable<Volume['hostPath']>, path: string): void {
  if (!source.path) {
    errors.push(required(`${path}.path`));
    return;
  }
  validateNoBacksteps(errors, source.path, `${path}.path`);
  if (source.type !== undefined && !hostPathTypes.includes(source.type)) {
    errors.push(notSupported(`${path}.type`, source.type, hostPathTypes));
  }
}

interface FileSource {
  readonly name?: string | undefined;
  readonly defaultMode?: number | undefined;
  readonly items?: readonly KeyToPath[] | undefined;
}

function validateFiles(
  errors: FieldError[],
  { name, defaultMode, items }: FileSource,
  path: string,
  nameField: string,
): void {
  if (!name) errors.push(required(`${path}.${nameField}`));
  validateFileMode(errors, defaultMode, `${path}.defaultMode`);
  items?.forEach((item, i) => {
    validateKeyToPath(errors, item, `${path}.items[${i}]`);
  });
}

function validateKeyToPath(errors: FieldError[], item: KeyToPath, path: string): void {
  if (!item.key) errors.push(required(`${path}.key`));
  if (!item.path) errors.push(required(`${path}.path`));
  else validateFilePath(errors, item.path, `${path}.path`);
  validateFileMode(errors, item.mode, `${path}.mode`);
}

function validateDownwardFile(errors: FieldError[], file: DownwardAPIVolumeFile, path: string): void {
  const { fieldRef, resourceFieldRef } = file;
  if (!file.path) errors.push(required(`${path}.path`));
  else validateFilePath(errors, file.path, `${path}.path`);
  if (fieldRef) validateVolumeFieldRef(errors, fieldRef, `${path}.fieldRef`);
  else if (resourceFieldRef) validateResourceFieldRef(errors, resourceFieldRef, `${path}.resourceFieldRef`, true);
  else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  if (fieldRef && resourceFieldRef) {
    const detail = 'fieldRef and resourceFieldRef can not be specified simultaneously';
    errors.push(invalid(path, 'resource', detail));
  }
  validateFileMode(errors, file.mode, `${path}.mode`);
}

function validateProjected(errors: FieldError[], source: ProjectedVolumeSource, path: string): void {
  validateFileMode(errors, source.defaultMode, `${path}.defaultMode`);
  const paths = new Set<string>();
  const claim = (file: string, shown: string) => {
    if (file && paths.has(file)) errors.push(invalid(path, shown, 'conflicting duplicate paths'));
    paths.add(file);
  };
  source.sources?.forEach((projection, i) => {
    const at = `${path}.sources[${i}]`;
    validateProjection(errors, projection, path, at, claim);
    const types = Object.values(projection).filter((value) => value !== undefined);
    if (types.length > 1) errors.push(forbidden(at, 'may not specify more than 1 volume type per source'));
  });
}

function validateProjection(
  errors: FieldError[],
  { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle }: VolumeProjection,
  volume: string,
  path: string,
  claim: (file: string, shown: string) => void,
): void {
  for (const [type, files] of [['secret', secret] as const, ['configMap', configMap] as const]) {
    if (!files) continue;
    validateFiles(errors, { name: files.name, items: files.items }, `${path}.${type}`, 'name');
    for (const item of files.items ?? []) claim(item.path, files.name ?? '');
  }
  for (const file of downwardAPI?.items ?? []) {
    validateDownwardFile(errors, file, `${path}.downwardAPI`);
    claim(file.path, file.path);
  }
  if (serviceAccountToken) validateTokenSource(errors, serviceAccountToken, volume, `${path}.serviceAccountToken`);
  if (clusterTrustBundle) {
    if (!clusterTrustBundle.path) errors.push(required(`${path}.clusterTrustBundle.path`));
    else validateFilePath(errors, clusterTrustBundle.path, `${path}.clusterTrustBundle.path`);
    claim(clusterTrustBundle.path, clusterTrustBundle.path);
  }
}

type TokenSource = NonNullable<VolumeProjection['serviceAccountToken']>;

function validateTokenSource(errors: FieldError[], token: TokenSource, volume: string, path: string): void {
  const seconds = token.expirationSeconds ?? 0;
  const at = `${path}.expirationSeconds`;
  if (seconds < 600) errors.push(invalid(at, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > 2 ** 32) errors.push(invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  if (!token.path) errors.push(required(`${volume}.path`));
  else validateFilePath(errors, token.path, `${volume}.path`);
}

function validateNfs(errors: FieldError[], { server, path: exported }: NonNullable<Volume['nfs']>, path: string): void {
  if (!server) errors.push(required(`${path}.server`));
  if (!exported) errors.push(required(`${path}.path`));
  if (!exported?.startsWith('/')) errors.push(invalid(`${path}.path`, exported ?? '', 'must be an absolute path'));
}

function validateCsi(errors: FieldError[], csi: NonNullable<Volume['csi']>, path: string): void {
  const { driver = '', nodePublishSecretRef: secret } = csi;
  validateDriverName(errors, driver, `${path}.driver`);
  if (!secret) return;
  if (!secret.name) errors.push(required(`${path}.nodePublishSecretRef.name`));
  else pushInvalid(errors, `${path}.name`, secret.name, dnsSubdomainProblems(secret.name));
}

function validateEphemeral(
  errors: FieldError[],
  { volumeClaimTemplate }: NonNullable<Volume['ephemeral']>,
  path: string,
  { volumeName, podName }: VolumePlace,
): void {
  if (!volumeClaimTemplate) {
    errors.push(required(`${path}.volumeClaimTemplate`));
    return;
  }
  if (!podName || !volumeName) return;
  const claimName = `${podName}-${volumeName}`;
  for (const problem of dnsSubdomainProblems(claimName)) {
    errors.push(invalid(`${path}.name`, volumeName, `PVC name "${claimName}": ${problem}`));
  }
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

function validateImage(
  errors: FieldError[],
  { reference, pullPolicy }: NonNullable<Volume['image']>,
  path: string,
): void {
  if (!reference) errors.push(required(`${path}.reference`));
  if (pullPolicy !== undefined && !pullPolicies.includes(pullPolicy)) {
    errors.push(notSupported(`${path}.pullPolicy`, pullPolicy, pullPolicies));
  }
}
