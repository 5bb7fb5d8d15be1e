/** Sends what `requests.ts` makes up, and looks at what comes back: an answer, a declared one, and a server that is still there. */
import { once } from 'node:events';
import { Agent, type RequestOptions, request as send } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { seededRandom } from '@slipway/kit/random';
import { spawn } from '@slipway/kit/spawn';
import { ApiClient, type Endpoint, type Identity } from '../conformance/api-client.ts';
import { Dice } from './dice.ts';
import { rawRequests } from './raw-requests.ts';
import { type FuzzRequest, fuzzRequest } from './requests.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly requests: number;
  readonly connections: number;
  readonly clock: Clock;
  /** No further request is begun after this time. */
  readonly timeMsMax: number;
  /** Told now and then how far it is. */
  readonly progress?: (sent: number, residentBytes: number) => void;
}

export interface FuzzReport {
  readonly sent: number;
  readonly byCode: ReadonlyMap<number, number>;
  /** What must not be, each with the request that it answers. */
  readonly failures: readonly string[];
  /** The longest that anybody who asked meanwhile for `/livez` waited. */
  readonly slowestProbeMs: number;
  /** What the server was asked when that probe waited, the largest first: one of them kept it busy. */
  readonly askedMeanwhile: readonly string[];
  readonly residentBytesAfterTenth: number;
  readonly residentBytesAtEnd: number;
}

/** Answers that a client has to expect of a healthy server though they begin with 5: a version that is not there yet. */
const declared = (code: number, text: string) => code === 504 && text.includes('Too large resource version');

const stderr = 2;

/** A longer silence is a server that hangs; a version that is not there yet is waited for. */
const silenceMsMax = 20_000;
const failuresMax = 20;

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const server = await startServer();
  try {
    return await new Fuzzer(server, options).run();
  } finally {
    server.process.kill('SIGKILL');
  }
}

interface Server {
  readonly endpoint: Endpoint;
  readonly identity: Identity;
  readonly process: ReturnType<typeof spawn>;
}

async function startServer(): Promise<Server> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'serve.ts')], {
    stdio: ['ignore', 'pipe', stderr],
  });
  let text = '';
  while (!text.includes('\n')) {
    const [part] = (await once(child.stdout ?? process.stdin, 'data')) as [Buffer];
    text += part.toString();
  }
  return { ...(JSON.parse(text) as Pick<Server, 'endpoint' | 'identity'>), process: child };
}

class Fuzzer {
  readonly #server: Server;
  readonly #options: FuzzOptions;
  readonly #client: ApiClient;
  readonly #byCode = new Map<number, number>();
  readonly #failures: string[] = [];
  readonly #dice: Dice;
  readonly #untilMs: number;
  #sent = 0;
  #slowestProbeMs = 0;
  #askedMeanwhile: readonly string[] = [];
  readonly #inFlight = new Set<{ readonly shown: string; readonly bytes: number }>();

  constructor(server: Server, options: FuzzOptions) {
    this.#server = server;
    this.#options = options;
    this.#untilMs = options.clock.monotonicMs() + options.timeMsMax;
    this.#client = new ApiClient(server.endpoint, server.identity);
    this.#dice = new Dice(seededRandom(options.seed));
  }

  async run(): Promise<FuzzReport> {
    await this.#client.made('/api/v1/namespaces', { metadata: { name: 'fuzz' } });
    await this.#client.made('/api/v1/namespaces/fuzz/serviceaccounts', { metadata: { name: 'default' } });
    const stop = new AbortController();
    const probing = this.#probe(stop.signal);
    const { requests, connections } = this.#options;
    await this.#send(Math.ceil(requests / 10), connections);
    const residentBytesAfterTenth = await this.#residentBytes();
    await this.#send(requests, connections);
    stop.abort();
    await probing;
    const residentBytesAtEnd = await this.#residentBytes();
    this.#client.close();
    return {
      sent: this.#sent,
      byCode: this.#byCode,
      failures: this.#failures,
      slowestProbeMs: this.#slowestProbeMs,
      askedMeanwhile: this.#askedMeanwhile,
      residentBytesAfterTenth,
      residentBytesAtEnd,
    };
  }

  async #send(until: number, connections: number): Promise<void> {
    const { clock } = this.#options;
    const worker = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: this.#server.endpoint.ca });
      while (this.#sent < until && this.#failures.length < failuresMax && clock.monotonicMs() < this.#untilMs) {
        const sent = ++this.#sent;
        if (this.#dice.chance(0.01)) await this.#sendRaw(this.#dice.of(rawRequests(this.#dice)));
        else await this.#sendOne(fuzzRequest(this.#dice, 'fuzz'), agent);
        if (sent % 1_000 === 0) this.#options.progress?.(sent, await this.#residentBytes());
      }
      agent.destroy();
    };
    await Promise.all(Array.from({ length: connections }, worker));
  }

  async #sendOne(asked: FuzzRequest, agent: Agent): Promise<void> {
    const shown = `${asked.method} ${asked.path.slice(0, 300)} ${JSON.stringify(asked.headers).slice(0, 300)} ${asked.body?.toString('latin1').slice(0, 300) ?? ''}`;
    const own = { shown, bytes: asked.path.length + (asked.body?.length ?? 0) };
    this.#inFlight.add(own);
    try {
      const { code, text } = await this.#exchange(asked, agent);
      this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1);
      if (code >= 500 && !declared(code, text)) this.#failures.push(`${code} ${text.slice(0, 500)} FOR ${shown}`);
    } catch (error) {
      // Headers that no HTTP client writes are the client's own refusal.
      if ((error as { code?: string }).code?.startsWith('ERR_')) return;
      this.#failures.push(`${messageOf(error)} FOR ${shown}`);
    } finally {
      this.#inFlight.delete(own);
    }
  }

  #exchange({ method, path, headers, body }: FuzzRequest, agent: Agent): Promise<{ code: number; text: string }> {
    const { hostname, port } = new URL(this.#server.endpoint.url);
    const { certificate, key } = this.#server.identity;
    const options: RequestOptions = { hostname, port, path, method, agent, cert: certificate, key };
    const length = body ? { 'content-length': String(body.length) } : {};
    return new Promise((resolve, reject) => {
      const sent = send({ ...options, headers: { ...headers, ...length } }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ code: response.statusCode ?? 0, text: Buffer.concat(parts).toString('latin1') }),
        );
      });
      sent.setTimeout(silenceMsMax, () => sent.destroy(new Error(`nothing came for ${silenceMsMax} ms`)));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** What is no HTTP at all: any answer will do, and none as well. */
  async #sendRaw(bytes: Buffer): Promise<void> {
    const { hostname, port } = new URL(this.#server.endpoint.url);
    const { certificate, key } = this.#server.identity;
    const socket = connect({
      host: hostname,
      port: Number(port),
      ca: this.#server.endpoint.ca,
      cert: certificate,
      key,
    });
    const closed = new Promise<void>((resolve) => {
      socket.on('close', () => resolve());
      socket.on('data', () => socket.destroy());
      socket.on('error', () => {});
    });
    const cancel = this.#options.clock.after(1_000, () => socket.destroy());
    socket.end(bytes);
    await closed;
    cancel();
  }

  /** Somebody who asks simple things, and waits as long as the longest piece of work on the server takes. */
  async #probe(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      const asked = [...this.#inFlight];
      try {
        const { code, text } = await this.#client.get('/livez');
        if (code !== 200) this.#failures.push(`/livez: ${code} ${text}`);
      } catch (error) {
        this.#failures.push(`/livez: ${messageOf(error)}`);
        return;
      }
      const tookMs = clock.monotonicMs() - startMs;
      if (tookMs > this.#slowestProbeMs) {
        this.#slowestProbeMs = tookMs;
        const largestFirst = asked.sort((a, b) => b.bytes - a.bytes);
        this.#askedMeanwhile = largestFirst.map(({ shown, bytes }) => `${bytes} bytes: ${shown}`);
      }
      await clock.sleep(20, signal).catch(() => {});
    }
  }

  async #residentBytes(): Promise<number> {
    const { text } = await this.#client.get('/metrics');
    return Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)?.[1] ?? 0);
  }
}
