import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import { isNetworkName, parseNetworkConfig } from '../skeleton/parse-invocation.ts';
import { CniError } from '../spec/cni-error.ts';
import { fields, type JsonObject, parseJson } from '../spec/json.ts';
import type { NetworkConfig, NetworkConfigList } from '../spec/types.ts';
import { negotiateVersion } from '../spec/versions.ts';

/**
 * A conflist, or a single plugin's conf as a list of one. `others` are plugins from further files of the network, which come
 * after its own unless it wants none (`loadOnlyInlinedPlugins`). Throws `CniError` that names `source` and the field.
 */
export function parseConflist(raw: unknown, source: string, others: readonly unknown[] = []): NetworkConfigList {
  const object = fields(raw, source);
  const cniVersions = object.cniVersions ?? undefined;
  if (cniVersions !== undefined && !Array.isArray(cniVersions)) throw invalid(`${source}: cniVersions is not a list`);
  const cniVersion = negotiateVersion(object.cniVersion, cniVersions);
  const name = object.name;
  if (typeof name !== 'string' || name === '') throw invalid(`${source}: no name`);
  const inlined = object.plugins ?? (object.type ? [object] : []);
  if (!Array.isArray(inlined)) throw invalid(`${source}: plugins is not a list`);
  const onlyInlined = flag(object, 'loadOnlyInlinedPlugins', source);
  if (onlyInlined && object.plugins === undefined) {
    throw invalid(`${source}: loadOnlyInlinedPlugins is true, but there are no plugins inlined`);
  }
  const plugins = [...inlined, ...(onlyInlined ? [] : others)];
  if (plugins.length === 0) throw invalid(`${source}: no plugins in list`);
  return {
    cniVersion,
    name,
    disableCheck: flag(object, 'disableCheck', source),
    disableGC: flag(object, 'disableGC', source),
    plugins: plugins.map((plugin, i) => parsePlugin(plugin, `${source}: plugins[${i}]`, { name, cniVersion })),
  };
}

/** The first configuration of a directory by name, as runtimes choose it; undefined when there is none. */
export async function loadConflist(directory: string): Promise<NetworkConfigList | undefined> {
  const names = (await readdir(directory)).filter((name) => /\.(conflist|conf|json)$/.test(name)).toSorted();
  const first = names[0];
  if (first === undefined) return undefined;
  const path = join(directory, first);
  const raw = parseJson(await readFile(path, 'utf8'), path);
  const { name } = fields(raw, path);
  const others = typeof name === 'string' && isNetworkName(name) ? await loadPlugins(join(directory, name)) : [];
  return parseConflist(raw, path, others);
}

/** Configurations of single plugins in the folder that has the network's name (libcni 1.2). */
async function loadPlugins(directory: string): Promise<readonly unknown[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  });
  const paths = names.filter((name) => name.endsWith('.conf')).toSorted();
  return Promise.all(
    paths.map(async (name) => parseJson(await readFile(join(directory, name), 'utf8'), join(directory, name))),
  );
}

function parsePlugin(raw: unknown, where: string, ofList: { name: string; cniVersion: string }): NetworkConfig {
  const plugin = fields(raw, where);
  try {
    return parseNetworkConfig({ ...plugin, ...ofList });
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(error.code, `${where}: ${error.message}`, { cause: error });
  }
}

/** Older lists say it in quotes. */
function flag(object: JsonObject, key: string, source: string): boolean {
  const value = object[key] ?? false;
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  throw invalid(`${source}: ${key}: expected true or false`);
}

function invalid(message: string): CniError {
  return new CniError('invalidNetworkConfig', message);
}
