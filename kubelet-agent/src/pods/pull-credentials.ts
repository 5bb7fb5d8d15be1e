import type { Secret } from '@slipway/api/types';
import type { AuthConfig } from '../runtime/cri.ts';

interface DockerConfigEntry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** Docker's own name for its hub in configuration files, and the name in image references. */
const hubKeys = ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io'];

/**
 * The credentials for an image from the pod's pull secrets, the first that fit. Nothing of a secret appears in an error:
 * one that cannot be read is passed over, as upstream does.
 */
export function pullCredentials(image: string, secrets: readonly Secret[]): AuthConfig | undefined {
  const registry = registryOf(image);
  for (const secret of secrets) {
    for (const [key, entry] of Object.entries(entriesOf(secret))) {
      if (!matches(key, registry, image)) continue;
      const { auth, username, password, identitytoken, registrytoken } = entry;
      return {
        serverAddress: key,
        ...(auth ? { auth } : {}),
        ...(username ? { username } : {}),
        ...(password ? { password } : {}),
        ...(identitytoken ? { identityToken: identitytoken } : {}),
        ...(registrytoken ? { registryToken: registrytoken } : {}),
      };
    }
  }
  return undefined;
}

function entriesOf({ type, data = {} }: Secret): Record<string, DockerConfigEntry> {
  const read = (key: string): unknown => {
    try {
      return JSON.parse(Buffer.from(data[key] ?? '', 'base64').toString());
    } catch {
      return {};
    }
  };
  if (type === 'kubernetes.io/dockerconfigjson') {
    return (read('.dockerconfigjson') as { auths?: Record<string, DockerConfigEntry> }).auths ?? {};
  }
  if (type === 'kubernetes.io/dockercfg') return read('.dockercfg') as Record<string, DockerConfigEntry>;
  return {};
}

export function registryOf(image: string): string {
  const slash = image.indexOf('/');
  const first = slash === -1 ? '' : image.slice(0, slash);
  return first.includes('.') || first.includes(':') || first === 'localhost' ? first : 'docker.io';
}

/** A key is a host, with or without scheme, and perhaps the beginning of a path. */
function matches(key: string, registry: string, image: string): boolean {
  if (registry === 'docker.io' && hubKeys.includes(key)) return true;
  const bare = key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
  return bare === registry || image.startsWith(`${bare}/`);
}
