import type { Container, Probe } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { grpcProbe } from './grpc-probe.ts';
import { httpProbe } from './http-probe.ts';
import type { ProbeOutcome } from './probe-results.ts';
import { tcpProbe } from './tcp-probe.ts';

export interface ProbeTarget {
  readonly podUid: string;
  readonly containerId: string;
  readonly container: Container;
  /** Where the pod is reached. */
  readonly podIp: string;
  readonly startedAtMs: number;
}

/** Runs a command in a container; rejects when it cannot be run, answers `timedOut` past the time. */
export type ProbeExec = (
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
) => Promise<{ readonly exitCode: number; readonly output: string; readonly timedOut: boolean }>;

const timeoutSecondsDefault = 1;

/** One run of a probe; never throws but for the caller's abort. */
export async function runProbe(
  probe: Probe,
  target: ProbeTarget,
  deps: { readonly exec: ProbeExec; readonly clock: Clock },
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? timeoutSecondsDefault) * 1000;
  if (probe.exec) return runExec(probe.exec.command ?? [], target, timeoutMs, deps.exec, signal);
  const limit = new AbortController();
  const onAbort = () => limit.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const cancel = deps.clock.after(timeoutMs, () => limit.abort());
  try {
    return await connectProbe(probe, target, limit.signal);
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

async function connectProbe(
  probe: Probe,
  { container, podIp }: ProbeTarget,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  try {
    if (probe.httpGet) {
      const port = resolvePort(probe.httpGet.port, container);
      return await httpProbe({ action: probe.httpGet, port, podIp }, signal);
    }
    if (probe.tcpSocket) {
      return await tcpProbe(probe.tcpSocket.host || podIp, resolvePort(probe.tcpSocket.port, container), signal);
    }
    if (probe.grpc) {
      return await grpcProbe({ host: podIp, port: probe.grpc.port, service: probe.grpc.service ?? '' }, signal);
    }
  } catch (error) {
    return { result: 'error', output: messageOf(error) };
  }
  return { result: 'error', output: 'missing probe handler' };
}

async function runExec(
  command: readonly string[],
  { containerId, container }: ProbeTarget,
  timeoutMs: number,
  exec: ProbeExec,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  try {
    const { exitCode, output, timedOut } = await exec(containerId, command, timeoutMs, signal);
    if (timedOut) {
      return {
        result: 'failure',
        output: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`,
      };
    }
    return { result: exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    signal.throwIfAborted();
    return { result: 'error', output: `rpc error: exec in container ${container.name}: ${messageOf(error)}` };
  }
}

/** A number, a number as text, or the name of one of the container's ports. */
export function resolvePort(port: number | string, container: Container): number {
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new Error(`couldn't find port: "${port}" in the container's ports`);
}
