import { connect } from 'node:net';
import { dialError } from './http-probe.ts';
import type { ProbeOutcome } from './probe-results.ts';

/** Success as soon as the connection stands; nothing is sent. */
export function tcpProbe(host: string, port: number, signal: AbortSignal): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (outcome: ProbeOutcome) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(outcome);
    };
    const onAbort = () => finish({ result: 'failure', output: `dial tcp ${host}:${port}: i/o timeout` });
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => finish({ result: 'success', output: '' }));
    socket.once('error', (error) => finish({ result: 'failure', output: dialError(error, host, port, signal) }));
  });
}
