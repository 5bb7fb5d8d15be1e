import { readFile } from 'node:fs/promises';
import type { Clock } from '@slipway/kit/clock';

/** Answers the token to send, or undefined when there is none. */
export type BearerToken = () => Promise<string | undefined>;

/** Projected tokens are replaced on disk long before they end; a minute's delay is well within that. */
const rereadMs = 60_000;

/** A fixed token, or one that is read again from its file as it is rotated there. A file wins. */
export function createBearerToken(
  source: { readonly token?: string | undefined; readonly tokenFile?: string | undefined },
  clock: Pick<Clock, 'monotonicMs'>,
): BearerToken {
  const { token, tokenFile } = source;
  if (!tokenFile) return async () => token;
  let last: { readonly token: string; readonly atMs: number } | undefined;
  return async () => {
    const nowMs = clock.monotonicMs();
    if (!last || nowMs - last.atMs >= rereadMs) {
      last = { token: (await readFile(tokenFile, 'utf8')).trim(), atMs: nowMs };
    }
    return last.token;
  };
}
