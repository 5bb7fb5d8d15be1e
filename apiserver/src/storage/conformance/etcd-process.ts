/** An etcd server for tests, if the machine has one. */
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { exec } from '@slipway/kit/exec';
import { openEtcdStore } from '../etcd/etcd-store.ts';

export function isEtcdInstalled(): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, 'etcd'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export interface EtcdProcess {
  readonly endpoint: string;
  /** Kills the server and begins it again on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Resolves when the server answers. */
export async function startEtcd(): Promise<EtcdProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'slipway-etcd-'));
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const endpoint = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const args = ['--data-dir', directory, '--listen-client-urls', endpoint, '--advertise-client-urls', endpoint];
  args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`);
  let kill = new AbortController();
  let ended: Promise<unknown> = Promise.resolve();
  const start = async () => {
    kill = new AbortController();
    ended = exec('etcd', args, { signal: kill.signal, env: process.env }).catch((error: unknown) => error);
    await answering(endpoint, ended);
  };
  const stop = async () => {
    kill.abort();
    await ended;
  };
  await start();
  return {
    endpoint,
    restart: async () => {
      await stop();
      await start();
    },
    stop: async () => {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answering(endpoint: string, ended: Promise<unknown>): Promise<void> {
  const { signal } = new AbortController();
  let isOver: { readonly reason: unknown } | undefined;
  void ended.then((reason) => {
    isOver = { reason };
  });
  const store = openEtcdStore({ endpoints: [endpoint], clock: systemClock });
  try {
    for (;;) {
      if (isOver) throw isOver.reason;
      try {
        await store.get('/', { signal });
        return;
      } catch {
        await systemClock.sleep(50, signal);
      }
    }
  } finally {
    await store.close();
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
