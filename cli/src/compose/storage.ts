import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, openEmbeddedStore, openEtcdStore, type StorePlace } from '@slipway/apiserver';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Config } from '../config.ts';
import { CommandError } from '../usage-error.ts';

/** The store that the flags name. */
export async function openStorage(config: Config, clock: Clock): Promise<Backend> {
  const place = await storePlace(config);
  if ('directory' in place) return openEmbeddedStore({ directory: place.directory, clock });
  return openEtcdStore({ ...place.etcd, clock });
}

export async function storePlace({ dataDir, etcd }: Config): Promise<StorePlace> {
  if (!etcd) return { directory: join(dataDir, 'store') };
  const read = async (flag: string, path: string) => {
    try {
      return await readFile(path);
    } catch (error) {
      throw new CommandError(`--${flag} ${path}: ${messageOf(error)}`);
    }
  };
  const tls = etcd.caFile
    ? {
        ca: await read('etcd-cafile', etcd.caFile),
        ...(etcd.certFile && etcd.keyFile
          ? { certificate: await read('etcd-certfile', etcd.certFile), key: await read('etcd-keyfile', etcd.keyFile) }
          : {}),
      }
    : undefined;
  return { etcd: { endpoints: etcd.servers, ...(tls ? { tls } : {}) } };
}
