/** The node's image store, with the registries that the configuration names. */
import { readFile } from 'node:fs/promises';
import { messageOf } from '@slipway/kit/errors';
import { createImageStore, type ImageStore, type RegistryOptions } from '@slipway/kubelet-agent/images';
import { parse as parseYaml } from 'yaml';
import type { Config } from '../config.ts';
import { ensureDataDirectory } from '../data-directory.ts';
import { CommandError } from '../usage-error.ts';
import type { ProcessDeps } from './control-plane.ts';

export async function openImageStore(config: Config, deps: ProcessDeps): Promise<ImageStore> {
  const registries = config.registryConfig === undefined ? undefined : await readRegistries(config.registryConfig);
  await ensureDataDirectory(config.dataDir);
  return createImageStore({ ...deps, fetch }, { dataDir: config.dataDir, ...(registries ? { registries } : {}) });
}

/** `HOST: {mirrors: [URL], plainHttp: true}` for each registry, `*` for all others. See docs/images.md. */
async function readRegistries(path: string): Promise<Record<string, RegistryOptions>> {
  try {
    const content: unknown = parseYaml(await readFile(path, 'utf8')) ?? {};
    if (!isMap(content)) throw new Error('must be a map of registry hosts');
    for (const [host, options] of Object.entries(content)) checkRegistry(host, options);
    return content as Record<string, RegistryOptions>;
  } catch (error) {
    throw new CommandError(`--registry-config ${path}: ${messageOf(error)}`);
  }
}

function checkRegistry(host: string, options: unknown): void {
  if (!isMap(options)) throw new Error(`${host}: must be a map of mirrors and plainHttp`);
  for (const [field, value] of Object.entries(options)) {
    if (field === 'plainHttp') {
      if (typeof value !== 'boolean') throw new Error(`${host}.plainHttp: must be true or false`);
    } else if (field === 'mirrors') {
      const isList = Array.isArray(value) && value.every((url) => typeof url === 'string' && /^https?:\/\/./.test(url));
      if (!isList) throw new Error(`${host}.mirrors: must be a list of URLs such as http://127.0.0.1:5000`);
    } else throw new Error(`${host}: unknown field ${JSON.stringify(field)}; known are mirrors and plainHttp`);
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
