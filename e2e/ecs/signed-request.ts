/** Requests signed by another hand than the server's and the SDK's, so that each part can be wrong by itself. */
import { createHash, createHmac } from 'node:crypto';
import { type Agent, request } from 'node:http';
import { formatTime } from '@slipway/kit/clock';
import { adminKey, region } from './ecs-server.ts';

export interface Raw {
  readonly operation?: string;
  readonly method?: string;
  readonly path?: string;
  /** Sent in place of what was signed; undefined: not sent. A list is sent as that many headers. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body?: string | Buffer;
  readonly nowMs: number;
  readonly secretAccessKey?: string;
  /** What is signed in place of the above. */
  readonly signed?: {
    readonly path?: string;
    readonly body?: string;
    readonly service?: string;
    readonly region?: string;
    readonly names?: readonly string[];
    /** Further headers, sent and signed. */
    readonly headers?: Readonly<Record<string, string>>;
  };
}

export interface Answered {
  readonly status: number;
  readonly type: string;
  readonly errorType: string;
  readonly requestId: string;
  readonly text: string;
  readonly body: { readonly __type?: string; readonly message?: string };
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

/** The headers of the request, signed. */
export function signedHeaders(port: number, raw: Raw): Record<string, string | readonly string[]> {
  const { operation = 'ListTaskDefinitions', method = 'POST', path = '/', body = '{}', signed = {} } = raw;
  const time = `${formatTime(raw.nowMs).slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const headers: Record<string, string> = {
    host: `127.0.0.1:${port}`,
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-date': time,
    'x-amz-target': `AmazonEC2ContainerServiceV20141113.${operation}`,
    ...signed.headers,
  };
  const names = signed.names ?? Object.keys(headers).sort();
  const [signedPath = '', query = ''] = (signed.path ?? path).split('?');
  const lines = names.map((name) => `${name}:${headers[name]}`);
  const canonical = [method, signedPath, query, ...lines, '', names.join(';'), sha256(signed.body ?? body)];
  const scope = `${time.slice(0, 8)}/${signed.region ?? region}/${signed.service ?? 'ecs'}/aws4_request`;
  const secret = raw.secretAccessKey ?? adminKey.secretAccessKey;
  const key = scope.split('/').reduce<string | Buffer>((last, part) => hmac(last, part), `AWS4${secret}`);
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical.join('\n'))}`;
  const signature = hmac(key, toSign).toString('hex');
  const credential = `Credential=${adminKey.accessKeyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const all = Object.entries({ ...headers, authorization, ...raw.headers });
  return Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Rejects when the connection ends without an answer, or is silent for `silenceMsMax`. */
export function send(port: number, raw: Raw, agent: Agent | false = false, silenceMsMax = 20_000): Promise<Answered> {
  const { method = 'POST', path = '/', body = '{}' } = raw;
  const headers = signedHeaders(port, raw) as Record<string, string | string[]>;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          errorType: String(response.headers['x-amzn-errortype'] ?? ''),
          requestId: String(response.headers['x-amzn-requestid'] ?? ''),
          text,
          body: JSON.parse(text || '{}'),
        });
      });
    });
    sent.on('error', reject);
    sent.setTimeout(silenceMsMax, () => sent.destroy(new Error(`no answer to ${raw.operation} ${String(body)}`)));
    sent.end(method === 'GET' ? undefined : body);
  });
}
