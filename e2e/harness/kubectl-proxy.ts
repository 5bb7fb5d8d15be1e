import { spawn } from 'node:child_process';
import { request, type RequestOptions } from 'node:http';
import type { Cluster } from './cluster.ts';

export interface KubectlProxy {
  /** What it has printed when it began to serve. */
  readonly said: string;
  stop(): Promise<void>;
}

/** `kubectl proxy`, which runs until it is stopped. Rejects when it ends by itself. */
export function startKubectlProxy(
  { kubeconfig, dataDir }: Pick<Cluster, 'kubeconfig' | 'dataDir'>,
  program: string,
  args: readonly string[],
): Promise<KubectlProxy> {
  const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: dataDir };
  const child = spawn(program, ['proxy', ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`kubectl proxy ended with ${code}`)));
    child.stdout.once('data', (chunk: Buffer) => {
      const stop = async () => {
        child.kill('SIGTERM');
        await ended;
      };
      resolve({ said: chunk.toString(), stop });
    });
  });
}

/** The body of a GET over plain HTTP, as the proxy serves it. */
export function getText(options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end();
  });
}
