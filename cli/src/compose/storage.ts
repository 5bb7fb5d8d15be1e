import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backend, openEmbeddedStore, openEtcdStore } from '@slipway/apiserver';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import type { Config } from '../config.ts';
import { CommandError } from '../usage-error.ts';

/** The store that the flags name. */
export async function openStorage({ dataDir, etcd }: Config, clock: Clock): Promise<Backend> {
  if (!etcd) return openEmbeddedStore({ directory: join(dataDir, 'store'), clock });
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
  return openEtcdStore({ endpoints: etcd.servers, clock, ...(tls ? { tls } : {}) });
}
