import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { AgentAddress, AgentConnection } from '../agent-connection.ts';

/** Between API server and agent; see the README of the agent's server. */
const agentProtocol = 'v1.portforward.slipway.dev';
const endOfData = 'EOF';

/** A connection to a port of a pod, through the agent of its node. Rejects with `StatusError`. */
export async function openTunnel(
  agents: AgentConnection,
  address: AgentAddress,
  { namespace, name, port }: { readonly namespace: string; readonly name: string; readonly port: number },
): Promise<Duplex> {
  const socket = await agents.webSocket(address, `/portForward/${namespace}/${name}?port=${port}`, [agentProtocol]);
  return new AgentTunnel(socket);
}

class AgentTunnel extends Duplex {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) this.push(null);
      else if (!this.push(data)) socket.pause();
    });
    socket.on('error', (error) => this.destroy(error));
    socket.once('close', (code, reason) => {
      if (code === 1011) this.destroy(new Error(String(reason)));
      else this.destroy();
    });
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.send(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(endOfData);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }
}
