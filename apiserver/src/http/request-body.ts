import type { IncomingMessage } from 'node:http';
import { StatusError } from '@slipway/api/status-error';

/**
 * So much of a body that is too large is still read and thrown away: a client that is cut off while it sends sees a broken pipe and
 * not the answer.
 */
const discardBytesMax = 16 * 1024 * 1024;

export interface BodyReader {
  /** `undefined`: the request has no body. Called at most once, and not after `refused`. */
  readonly done: (body: Buffer | undefined) => void;
  /** The body is larger than it may be. Perhaps the rest of it was not read, so the connection cannot go on. */
  readonly refused: (error: StatusError) => void;
}

/**
 * Reads a request's body whole, up to a number of bytes. When the client goes away in the middle nobody is called: there is nobody to
 * answer. Callbacks, because a promise for each request shows in the time of small ones.
 */
export function readRequestBody(request: IncomingMessage, bytesMax: number, { done, refused }: BodyReader): void {
  const { headers } = request;
  const announced = headers['content-length'];
  if ((announced === undefined || announced === '0') && headers['transfer-encoding'] === undefined) {
    done(undefined);
    return;
  }
  if (Number(announced) > bytesMax + discardBytesMax) {
    refused(tooLarge(bytesMax));
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= bytesMax) {
      chunks.push(chunk);
      return;
    }
    chunks.length = 0;
    if (size <= bytesMax + discardBytesMax) return;
    request.removeAllListeners('data').removeAllListeners('end').pause();
    refused(tooLarge(bytesMax));
  });
  request.on('end', () => {
    if (size > bytesMax) refused(tooLarge(bytesMax));
    else done(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  });
}

function tooLarge(bytesMax: number): StatusError {
  return new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${bytesMax}`);
}
