import { createHash, createHmac } from 'node:crypto';
import { systemClock } from '@slipway/kit/clock';
import { region } from '../ecs-server.ts';

/** One request of Systems Manager to the ECS port, signed by hand; `service` for a wrong scope. */
export async function askSsm(
  url: string,
  operation: string,
  input: object,
  key: { readonly accessKeyId: string; readonly secretAccessKey: string },
  service = 'ssm',
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, string>> }> {
  const body = JSON.stringify(input);
  const { host } = new URL(url);
  const time = `${new Date(systemClock.nowMs()).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const headers: Record<string, string> = { host, 'x-amz-date': time, 'x-amz-target': `AmazonSSM.${operation}` };
  const names = Object.keys(headers).sort();
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (secret: string | Buffer, text: string) => createHmac('sha256', secret).update(text).digest();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('');
  const canonical = `POST\n/\n\n${lines}\n${names.join(';')}\n${hash(body)}`;
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const signingKey = scope.split('/').reduce(hmac, Buffer.from(`AWS4${key.secretAccessKey}`));
  const signature = hmac(signingKey, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash(canonical)}`).toString('hex');
  const credential = `Credential=${key.accessKeyId}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const answer = await fetch(url, { method: 'POST', headers: { ...headers, authorization }, body });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}
