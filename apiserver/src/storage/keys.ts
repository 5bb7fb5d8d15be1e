/** The shape of keys: `/registry/GROUP/RESOURCE/NAME` or `/registry/GROUP/RESOURCE/NAMESPACE/NAME`. */
import type { KeyRange } from './backend.ts';

export const registryPrefix = '/registry/';

/** All keys that begin with a prefix. */
export function rangeOfPrefix(prefix: string): KeyRange {
  return { from: prefix, to: prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1) };
}

/** `/registry/GROUP/RESOURCE/` of a key or of a prefix; undefined when there is none. */
export function resourcePrefixOf(key: string): string | undefined {
  if (!key.startsWith(registryPrefix)) return undefined;
  const group = key.indexOf('/', registryPrefix.length);
  const resource = group < 0 ? -1 : key.indexOf('/', group + 1);
  return resource < 0 ? undefined : key.slice(0, resource + 1);
}

/** `/registry/GROUP/RESOURCE/NAMESPACE/` of a key below a resource prefix; undefined for a cluster-scoped object. */
export function namespacePrefixOf(key: string, resourcePrefix: string): string | undefined {
  const namespace = key.indexOf('/', resourcePrefix.length);
  return namespace < 0 ? undefined : key.slice(0, namespace + 1);
}
