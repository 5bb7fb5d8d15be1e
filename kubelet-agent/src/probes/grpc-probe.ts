/**
 * The gRPC health protocol (grpc.health.v1.Health/Check) by hand: one HTTP/2 request with a message of one string
 * field, one answer with one enum field. Too little to bring a gRPC library for.
 */
import { connect } from 'node:http2';
import { messageOf } from '@slipway/kit/errors';
import type { ProbeOutcome } from './probe-results.ts';

const serving = 1;
/** The answer is seven bytes long. */
const answerBytesMax = 4096;

export function grpcProbe(
  { host, port, service }: { readonly host: string; readonly port: number; readonly service: string },
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve) => {
    const session = connect(`http://${address}`);
    const finish = (outcome: ProbeOutcome) => {
      signal.removeEventListener('abort', onAbort);
      session.destroy();
      resolve(outcome);
    };
    const fail = (why: string) => finish({ result: 'failure', output: why });
    const onAbort = () => fail(`timeout: failed to connect service "${address}" within the probe's timeout`);
    signal.addEventListener('abort', onAbort, { once: true });
    let isConnected = false;
    session.once('connect', () => {
      isConnected = true;
    });
    const broken = (error: unknown) =>
      fail(
        isConnected
          ? `error: health rpc failed: ${messageOf(error)}`
          : `error: failed to connect service at "${address}": ${messageOf(error)}`,
      );
    session.once('error', broken);
    const request = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'kube-probe/1.36',
    });
    const chunks: Buffer[] = [];
    let code = '';
    request.on('response', (headers) => {
      code = String(headers['grpc-status'] ?? code);
    });
    request.on('trailers', (headers) => {
      code = String(headers['grpc-status'] ?? code);
    });
    request.on('data', (chunk: Buffer) => {
      if (chunks.reduce((sum, { length }) => sum + length, 0) < answerBytesMax) chunks.push(chunk);
    });
    request.once('error', broken);
    request.once('end', () => {
      if (code !== '0' && code !== '') return fail(`error: health rpc failed with status ${code}`);
      const status = servingStatus(Buffer.concat(chunks));
      if (status === serving) return finish({ result: 'success', output: '' });
      fail(`service unhealthy (responded with "${statusNames[status] ?? status}")`);
    });
    request.end(encodeRequest(service));
  });
}

const statusNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** A gRPC frame (no compression, length) around `HealthCheckRequest { string service = 1 }`. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const lengthBytes: number[] = [];
  for (let rest = name.length; ; rest >>>= 7) {
    lengthBytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...lengthBytes]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** Of `HealthCheckResponse { ServingStatus status = 1 }`; an absent field is 0. */
function servingStatus(frame: Buffer): number {
  return frame.length >= 7 && frame[5] === 0x08 ? (frame[6] ?? 0) : 0;
}
