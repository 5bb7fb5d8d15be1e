import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '@slipway/kit/clock';
import type { Upstream } from './exchange.ts';

/** A network may change its resolvers; five seconds is soon enough. */
const rereadMs = 5000;
/** The resolver library reads no more. */
const serversMax = 3;

/** The nameservers of a resolv.conf, read again now and then. Our own address is left out: asking ourselves would never end. */
export function hostResolvers(
  path: string,
  ownAddresses: readonly string[],
  clock: Clock,
): () => Promise<readonly Upstream[]> {
  let known: readonly Upstream[] = [];
  let readAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const now = clock.monotonicMs();
    if (now - readAtMs < rereadMs) return known;
    readAtMs = now;
    // A file that cannot be read for a moment changes nothing.
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined) known = parseNameservers(text).filter(({ address }) => !ownAddresses.includes(address));
    return known;
  };
}

export function parseNameservers(resolvConf: string): readonly Upstream[] {
  return resolvConf
    .split('\n')
    .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .filter((address) => isIP(address.split('%')[0] ?? '') !== 0)
    .slice(0, serversMax)
    .map((address) => ({ address, port: 53 }));
}
