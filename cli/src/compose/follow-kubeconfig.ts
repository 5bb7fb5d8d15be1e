import { type Connection, KubeconfigError } from '@slipway/client/kubeconfig';
import type { Config } from '../config.ts';
import type { ProcessDeps } from './control-plane.ts';
import { loadConnection, type Remote } from './remote.ts';

/** As upstream's clients look at files that they were given. */
const lookMs = 10_000;

/** Whoever renews the certificate in a kubeconfig need not restart those who use it: new connections show what it holds now. */
export async function followKubeconfig(
  config: Config,
  { connection, transport }: Remote,
  { clock, log }: Pick<ProcessDeps, 'clock' | 'log'>,
  signal: AbortSignal,
  everyMs = lookMs,
): Promise<void> {
  let used = connection.cert;
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => {});
    if (signal.aborted) return;
    const { cert, key } = await latest(config, connection);
    if (!cert || !key || cert === used) continue;
    used = cert;
    transport.useCertificate({ cert, key });
    log.info({ kubeconfig: config.kubeconfig }, 'the certificate of the kubeconfig has changed');
  }
}

/** A file that is just being written is looked at again. */
async function latest(config: Config, before: Connection): Promise<Connection> {
  try {
    return await loadConnection(config);
  } catch (error) {
    if (error instanceof KubeconfigError) return before;
    throw error;
  }
}
