import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseNetworkConfig } from '../skeleton/parse-invocation.ts';
import { CniError } from '../spec/cni-error.ts';
import { fields, optionalBoolean, parseJson } from '../spec/json.ts';
import type { NetworkConfigList } from '../spec/types.ts';
import { negotiateVersion } from '../spec/versions.ts';

/** A conflist, or a single plugin's conf as a list of one. Throws `CniError` that names `source`. */
export function parseConflist(raw: unknown, source: string): NetworkConfigList {
  const object = fields(raw, source);
  const cniVersions = Array.isArray(object.cniVersions) ? object.cniVersions : undefined;
  const cniVersion = negotiateVersion(object.cniVersion, cniVersions);
  const name = object.name;
  if (typeof name !== 'string' || name === '') throw new CniError('invalidNetworkConfig', `${source}: no name`);
  const plugins = object.plugins ?? (object.type ? [object] : undefined);
  if (!Array.isArray(plugins) || plugins.length === 0) {
    throw new CniError('invalidNetworkConfig', `${source}: no plugins in list`);
  }
  return {
    cniVersion,
    name,
    disableCheck: optionalBoolean(object, 'disableCheck') ?? false,
    disableGC: optionalBoolean(object, 'disableGC') ?? false,
    plugins: plugins.map((plugin) => parseNetworkConfig({ ...fields(plugin, source), name, cniVersion })),
  };
}

/** The first configuration of a directory by name, as runtimes choose it; undefined when there is none. */
export async function loadConflist(directory: string): Promise<NetworkConfigList | undefined> {
  const names = (await readdir(directory)).filter((name) => /\.(conflist|conf|json)$/.test(name)).toSorted();
  const first = names[0];
  if (first === undefined) return undefined;
  const path = join(directory, first);
  return parseConflist(parseJson(await readFile(path, 'utf8'), path), path);
}
