import * as http from 'node:http';
import * as https from 'node:https';
import type { HTTPGetAction } from '@slipway/api/types';
import { errnoOf, messageOf } from '@slipway/kit/errors';
import type { ProbeOutcome } from './probe-results.ts';

export interface HttpProbeRequest {
  readonly action: HTTPGetAction;
  /** Resolved from a name already. */
  readonly port: number;
  readonly podIp: string;
}

/** Enough to say what is wrong; a probe must not read a whole download. */
const bodyBytesMax = 10 * 1024;
const redirectsMax = 10;

/** 200 to 399 is success. Redirects are followed on the same host; one to elsewhere counts as success, unfollowed. */
export async function httpProbe(request: HttpProbeRequest, signal: AbortSignal): Promise<ProbeOutcome> {
  const { action, port, podIp } = request;
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const host = action.host || podIp;
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  let url: URL;
  try {
    url = new URL(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`);
  } catch (error) {
    return { result: 'error', output: messageOf(error) };
  }
  for (let redirects = 0; redirects <= redirectsMax; redirects++) {
    const shown = String(url);
    let answer: Answer;
    try {
      answer = await get(url, action, signal);
    } catch (error) {
      return {
        result: 'failure',
        output: `Get "${shown}": ${dialError(error, url.hostname, Number(url.port) || port, signal)}`,
      };
    }
    if (answer.status >= 300 && answer.status < 400 && answer.location !== undefined) {
      const next = new URL(answer.location, url);
      if (next.hostname !== url.hostname) {
        return { result: 'success', output: `Probe terminated redirects, Response body: ${answer.body}` };
      }
      url = next;
      continue;
    }
    if (answer.status >= 200 && answer.status < 400) return { result: 'success', output: answer.body };
    return { result: 'failure', output: `HTTP probe failed with statuscode: ${answer.status}` };
  }
  return { result: 'failure', output: `Get "${url}": stopped after ${redirectsMax} redirects` };
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

function get(url: URL, action: HTTPGetAction, signal: AbortSignal): Promise<Answer> {
  const headers: Record<string, string | string[]> = { 'user-agent': 'kube-probe/1.36', accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) {
    const key = name.toLowerCase();
    const before = key === 'user-agent' || key === 'accept' ? undefined : headers[key];
    headers[key] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  const client = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    // The certificate of a pod is nobody's we know; upstream does not check it either.
    const options = { agent: false, headers, signal, rejectUnauthorized: false } as const;
    const request = client.get(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => {
        const body = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body });
        request.destroy();
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size >= bodyBytesMax) finish();
      });
      response.once('end', finish);
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}

/** A connection's failure in Go's words, which people search for. */
export function dialError(error: unknown, host: string, port: number, signal: AbortSignal): string {
  const address = `${host}:${port}`;
  if (signal.aborted) return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  switch (errnoOf(error)) {
    case 'ECONNREFUSED':
      return `dial tcp ${address}: connect: connection refused`;
    case 'EHOSTUNREACH':
      return `dial tcp ${address}: connect: no route to host`;
    case 'ENETUNREACH':
      return `dial tcp ${address}: connect: network is unreachable`;
    case 'ETIMEDOUT':
      return `dial tcp ${address}: i/o timeout`;
    case 'ECONNRESET':
      return `read tcp ${address}: read: connection reset by peer`;
    default:
      return messageOf(error);
  }
}
