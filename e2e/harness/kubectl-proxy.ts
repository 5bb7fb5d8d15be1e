import { request, type RequestOptions } from 'node:http';
import type { Cluster } from './cluster.ts';
import { RunningProgram } from './running-program.ts';

export interface KubectlProxy {
  /** What it has printed when it began to serve. */
  readonly said: string;
  stop(): Promise<void>;
}

/** `kubectl proxy`, which runs until it is stopped. Rejects when it ends by itself. */
export async function startKubectlProxy(
  { kubeconfig, dataDir }: Pick<Cluster, 'kubeconfig' | 'dataDir'>,
  program: string,
  args: readonly string[],
): Promise<KubectlProxy> {
  const env = { KUBECONFIG: kubeconfig, HOME: dataDir };
  const proxy = new RunningProgram(program, ['proxy', ...args], { env });
  const [said] = await proxy.says(/^Starting to serve on .*$/m);
  return { said, stop: async () => void (await proxy.end('SIGTERM')) };
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
