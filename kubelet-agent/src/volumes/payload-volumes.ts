/** The volumes whose files come from API objects: configMap, secret, downwardAPI, projected. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
} from '@slipway/api/types';
import { atomicWrite, type PayloadFile } from './atomic-writer.ts';
import { resolveField, resolveResource } from './field-reference.ts';
import { type VolumeContext, VolumeError, type VolumePlugin } from './volume-plugin.ts';

type Files = Map<string, PayloadFile>;

const modeDefault = 0o644;
const tokenSecondsDefault = 3600;

export const configMapVolume: VolumePlugin = {
  name: 'kubernetes.io~configmap',
  appliesTo: (volume) => volume.configMap !== undefined,
  hostPath: (volume, { layout, pod }) =>
    join(layout.volumesDirectory(pod.metadata.uid ?? ''), 'kubernetes.io~configmap', volume.name),
  setUp: (volume, context, signal) =>
    write(configMapVolume, volume, context, async () => {
      const { name = '', items, optional, defaultMode } = volume.configMap ?? {};
      return configMapFiles({ name, items, optional }, defaultMode ?? modeDefault, context, signal);
    }),
};

export const secretVolume: VolumePlugin = {
  name: 'kubernetes.io~secret',
  appliesTo: (volume) => volume.secret !== undefined,
  hostPath: (volume, context) => inMemory(secretVolume, volume, context),
  setUp: (volume, context, signal) =>
    write(secretVolume, volume, context, async () => {
      const { secretName: name = '', items, optional, defaultMode } = volume.secret ?? {};
      return secretFiles({ name, items, optional }, defaultMode ?? modeDefault, context, signal);
    }),
};

export const downwardApiVolume: VolumePlugin = {
  name: 'kubernetes.io~downward-api',
  appliesTo: (volume) => volume.downwardAPI !== undefined,
  hostPath: (volume, context) => inMemory(downwardApiVolume, volume, context),
  setUp: (volume, context) =>
    write(downwardApiVolume, volume, context, async () => {
      const { items, defaultMode } = volume.downwardAPI ?? {};
      return downwardFiles(items ?? [], defaultMode ?? modeDefault, context);
    }),
};

export const projectedVolume: VolumePlugin = {
  name: 'kubernetes.io~projected',
  appliesTo: (volume) => volume.projected !== undefined,
  hostPath: (volume, context) => inMemory(projectedVolume, volume, context),
  setUp: (volume, context, signal) =>
    write(projectedVolume, volume, context, async () => {
      const { sources = [], defaultMode = modeDefault } = volume.projected ?? {};
      const parts = sources.map(async (source) => {
        const { configMap, secret, downwardAPI, serviceAccountToken } = source;
        if (configMap)
          return configMapFiles({ ...configMap, name: configMap.name ?? '' }, defaultMode, context, signal);
        if (secret) return secretFiles({ ...secret, name: secret.name ?? '' }, defaultMode, context, signal);
        if (downwardAPI) return downwardFiles(downwardAPI.items ?? [], defaultMode, context);
        if (serviceAccountToken) return tokenFile(serviceAccountToken, defaultMode, context, signal);
        throw new VolumeError(`projected volume source is not supported: ${Object.keys(source).join(', ')}`);
      });
      return new Map((await Promise.all(parts)).flatMap((files) => [...files]));
    }),
};

function inMemory(plugin: VolumePlugin, volume: Volume, { layout, pod }: VolumeContext): string {
  return join(layout.podMemoryDirectory(pod.metadata.uid ?? ''), plugin.name, volume.name);
}

async function write(
  plugin: VolumePlugin,
  volume: Volume,
  context: VolumeContext,
  collect: () => Promise<Files>,
): Promise<void> {
  const payload = await collect();
  const directory = plugin.hostPath(volume, context);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const fsGroup = context.pod.spec.securityContext?.fsGroup;
  atomicWrite({ directory, payload, fsGroup, version: context.version() });
}

interface Reference {
  readonly name: string;
  readonly items?: readonly KeyToPath[] | undefined;
  readonly optional?: boolean | undefined;
}

async function configMapFiles(ref: Reference, mode: number, { pod, objects }: VolumeContext, signal: AbortSignal) {
  const namespace = pod.metadata.namespace ?? '';
  const map = await objects.configMap(namespace, ref.name, signal);
  if (!map && !ref.optional) throw new VolumeError(`configmap "${ref.name}" not found`);
  return pick(`configmap references non-existent config key`, ref, contentOfConfigMap(map), mode);
}

async function secretFiles(ref: Reference, mode: number, { pod, objects }: VolumeContext, signal: AbortSignal) {
  const secret = await objects.secret(pod.metadata.namespace ?? '', ref.name, signal);
  if (!secret && !ref.optional) throw new VolumeError(`secret "${ref.name}" not found`);
  return pick(`references non-existent secret key`, ref, contentOfSecret(secret), mode);
}

function contentOfConfigMap(map: ConfigMap | undefined): Map<string, Uint8Array> {
  const content = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(map?.data ?? {})) content.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(map?.binaryData ?? {})) content.set(key, Buffer.from(value, 'base64'));
  return content;
}

function contentOfSecret(secret: Secret | undefined): Map<string, Uint8Array> {
  return new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]));
}

/** All keys, or those that `items` names at the paths it gives. */
function pick(missing: string, ref: Reference, content: ReadonlyMap<string, Uint8Array>, mode: number): Files {
  const files: Files = new Map();
  if (!ref.items || ref.items.length === 0) {
    for (const [key, data] of content) files.set(key, { data, mode });
    return files;
  }
  for (const item of ref.items) {
    const data = content.get(item.key);
    if (data) files.set(safePath(item.path), { data, mode: item.mode ?? mode });
    else if (!ref.optional) throw new VolumeError(`${missing}: ${item.key}`);
  }
  return files;
}

function downwardFiles(items: readonly DownwardAPIVolumeFile[], mode: number, { facts }: VolumeContext): Files {
  const files: Files = new Map();
  for (const { path, fieldRef, resourceFieldRef, mode: own } of items) {
    const text = fieldRef
      ? resolveField(fieldRef, facts)
      : resourceFieldRef
        ? resolveResource(resourceFieldRef, undefined, facts)
        : '';
    files.set(safePath(path), { data: Buffer.from(text), mode: own ?? mode });
  }
  return files;
}

/**
 * A token is for the user the pod runs as, or for its group: then nobody else reads it, whatever the volume's mode is.
 */
async function tokenFile(
  { path, audience = '', expirationSeconds = tokenSecondsDefault }: ServiceAccountTokenProjection,
  mode: number,
  { pod, objects }: VolumeContext,
  signal: AbortSignal,
): Promise<Files> {
  const token = await objects.token(pod, { audience, expirationSeconds }, signal);
  const fsGroup = pod.spec.securityContext?.fsGroup;
  const user = fsGroup === undefined ? commonUser(pod) : undefined;
  const isPrivate = fsGroup !== undefined || user !== undefined;
  return new Map([[safePath(path), { data: Buffer.from(token), mode: isPrivate ? 0o600 : mode, uid: user }]]);
}

/** The one user that all containers run as by the pod's own word. */
function commonUser(pod: VolumeContext['pod']): number | undefined {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const users = containers.map(
    ({ securityContext }) => securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
  );
  return users.every((user) => user !== undefined && user === users[0]) ? users[0] : undefined;
}

/** The API server refuses such paths; a path that leaves the volume must not be written even if it did not. */
function safePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.some((part) => part === '..') || path.startsWith('/') || parts[0]?.startsWith('..')) {
    throw new VolumeError(`invalid path "${path}": must be a relative path without '..'`);
  }
  return parts.join('/');
}
