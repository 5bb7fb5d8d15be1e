import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore, openPki, serveStore } from '@slipway/apiserver';
import type { CommandContext, RunCommand } from '../command.ts';
import { claimRoles } from '../process-record.ts';
import { UsageError } from '../usage-error.ts';

/** Whoever may call the store may do everything, so it has an authority of its own: no user's certificate opens it. */
const authorityName = 'slipway-store-ca';
const clientIdentity = { file: 'client', user: 'slipway-store-client', groups: [] } as const;

export const store: RunCommand = async (context) => {
  const { config, operands, clock, random, log, signal, print } = context;
  if (operands.length > 0) throw new UsageError('usage: slipway store --listen ADDRESS');
  const address = parseListenAddress(config.listen);
  const claim = await claimRoles(config.dataDir, 'store', ['store']);
  try {
    const backend = await openEmbeddedStore({ directory: join(config.dataDir, 'store'), clock });
    try {
      const { tls, hint } = address.isPlain ? { tls: undefined, hint: '' } : await storeKeys(address.host, context);
      const options = { host: address.host, port: address.port, ...(tls ? { tls } : {}) };
      const server = await serveStore(options, { store: backend, clock, random, log: log.child({ part: 'store' }) });
      try {
        print(`ready: --storage etcd --etcd-servers ${server.url}${hint}`);
        await aborted(signal);
      } finally {
        await server.close();
      }
    } finally {
      await backend.close();
    }
  } finally {
    await claim.release();
  }
};

async function storeKeys(host: string, { config, clock, random }: CommandContext) {
  const folder = join(config.dataDir, 'pki', 'store');
  const pki = await openPki(folder, { clock, random }, authorityName);
  const { certificate, privateKey } = await pki.servingCertificate(hostsOf(host));
  await pki.clientCertificate(clientIdentity);
  const file = (name: string) => join(folder, name);
  return {
    tls: { ca: pki.caCertificate, certificate, privateKey },
    hint: ` --etcd-cafile ${file('ca.crt')} --etcd-certfile ${file('client.crt')} --etcd-keyfile ${file('client.key')}`,
  };
}

/** Who listens on all addresses is called by any of them. */
function hostsOf(host: string): string[] {
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const addresses = all.filter(({ scopeid }) => !scopeid).map(({ address }) => address);
  return [...new Set([...(isEverywhere ? [hostname(), ...addresses] : [host]), 'localhost', '127.0.0.1', '::1'])];
}

interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly isPlain: boolean;
}

/** `HOST:PORT` and `https://HOST:PORT` are TLS; plain text is for those who ask for it, on this machine. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^:/[\]]+):(\d{1,5})\/?$/.exec(text);
  const port = Number(match?.[3]);
  if (!match?.[2] || port > 65_535) {
    throw new UsageError(`--listen: ${JSON.stringify(text)} is not an address such as 127.0.0.1:2379`);
  }
  const host = match[2].replace(/^\[|\]$/g, '');
  const isPlain = match[1] === 'http';
  const isLoopback = host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
  if (isPlain && !isLoopback) {
    throw new UsageError(
      `--listen: ${text} would serve the store without encryption to others; use https://${match[2]}:${port}`,
    );
  }
  return { host, port, isPlain };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
