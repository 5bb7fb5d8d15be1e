/** Names of images as docker, containerd and the kubelet write and complete them. */
import { RuntimeError } from '../runtime/cri.ts';

export interface ImageReference {
  /** Host with port: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** Path in the registry: `library/app`. */
  readonly repository: string;
  /** Absent in a reference by digest. */
  readonly tag?: string;
  readonly digest?: string;
}

const defaultRegistry = 'docker.io';
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const registryPattern = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const referenceLengthMax = 512;

/** Completes and checks a reference: `app:1` is `docker.io/library/app:1`. Throws `invalidArgument`. */
export function parseReference(text: string): ImageReference {
  const invalid = (why: string) =>
    new RuntimeError('invalidArgument', `couldn't parse image name ${JSON.stringify(text)}: ${why}`);
  if (text === '' || text.length > referenceLengthMax) throw invalid('invalid reference format');
  const [named = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !isDigest(digest))) throw invalid('invalid digest');
  const { name, tag } = splitTag(named);
  const { registry, repository } = splitRegistry(name);
  if (/[A-Z]/.test(repository)) throw invalid('repository name must be lowercase');
  if (!repositoryPattern.test(repository) || !registryPattern.test(registry)) throw invalid('invalid reference format');
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid('invalid tag');
  // With both, the digest decides; the tag is only a note to the reader.
  if (digest !== undefined) return { registry, repository, digest };
  return { registry, repository, tag: tag ?? 'latest' };
}

function splitTag(named: string): { name: string; tag: string | undefined } {
  const colon = named.lastIndexOf(':');
  if (colon === -1 || named.indexOf('/', colon) !== -1) return { name: named, tag: undefined };
  return { name: named.slice(0, colon), tag: named.slice(colon + 1) };
}

/** The first part is a host if it could not be a directory: it has a dot or a port, or is `localhost`. */
function splitRegistry(name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  const registry = isHost ? first : defaultRegistry;
  const path = isHost ? name.slice(slash + 1) : name;
  if (registry === 'index.docker.io') return { registry: defaultRegistry, repository: libraryPath(path) };
  return { registry, repository: registry === defaultRegistry ? libraryPath(path) : path };
}

const libraryPath = (path: string) => (path.includes('/') ? path : `library/${path}`);

/** The full spelling; parsing it gives the same reference. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

export const isDigest = (text: string): boolean => digestPattern.test(text);

/** `sha256:<hex>`, or the bare hex digits, or at least twelve of them, as an id; undefined when it is a name. */
export function imageIdPrefix(text: string): string | undefined {
  if (isDigest(text)) return text;
  return /^[0-9a-f]{12,64}$/.test(text) ? `sha256:${text}` : undefined;
}
