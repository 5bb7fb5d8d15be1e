import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Service } from '@slipway/api/types';
import type { CacheReader, Change } from '@slipway/client/cache';
import type { EventRecorder } from '@slipway/client/events';

export interface NodePortConflictDeps {
  readonly services: CacheReader<Service>;
  readonly events: EventRecorder;
  /** Text of a file of /proc/net: `tcp`, `udp6`. */
  readonly readSockets?: (name: string) => Promise<string>;
}

interface NodePort {
  readonly protocol: string;
  readonly port: number;
}

/**
 * Says so when a process of the host listens on a node port: since addresses are translated first, it gets nothing from
 * outside any more, and nobody would find out why. Looked at when a service gets the port.
 */
export class NodePortConflicts {
  readonly #deps: NodePortConflictDeps;
  readonly #nodeName: string;

  constructor(deps: NodePortConflictDeps, { nodeName }: { readonly nodeName: string }) {
    this.#deps = deps;
    this.#nodeName = nodeName;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { services } = this.#deps;
    let looking = this.look(services.list().map((after) => ({ key: '', before: undefined, after })));
    const stop = services.subscribe((changes) => {
      looking = looking.then(() => this.look(changes));
    });
    await new Promise<void>((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    stop();
    await looking;
  }

  /** Tells of the node ports that came with the changes. */
  async look(changes: readonly Change<Service>[]): Promise<void> {
    const come = changes.flatMap(({ before, after }) => {
      const known = new Set(nodePortsOf(before).map(textOf));
      return after
        ? nodePortsOf(after)
            .filter((each) => !known.has(textOf(each)))
            .map((each) => ({ ...each, about: after }))
        : [];
    });
    if (come.length === 0) return;
    const listeners = await this.#listeners();
    for (const { about, ...nodePort } of come) {
      const inode = listeners.get(textOf(nodePort));
      if (inode === undefined) continue;
      const who = await processOf(inode);
      const what = `on node ${this.#nodeName} ${who ?? 'a process of the host'} listens on ${nodePort.protocol} port ${nodePort.port}`;
      const message = `${what} too: what comes from outside reaches the Service, not the process`;
      this.#deps.events.record({ about, type: 'Warning', reason: 'NodePortInUse', message });
    }
  }

  /** `TCP 30080` → inode of the socket. */
  async #listeners(): Promise<ReadonlyMap<string, string>> {
    const read = this.#deps.readSockets ?? ((name) => readFile(`/proc/net/${name}`, 'utf8'));
    const found = new Map<string, string>();
    for (const [protocol, names] of [
      ['TCP', ['tcp', 'tcp6']],
      ['UDP', ['udp', 'udp6']],
    ] as const) {
      for (const name of names) {
        const text = await read(name).catch(() => '');
        for (const { port, inode } of listenersIn(text)) found.set(`${protocol} ${port}`, inode);
      }
    }
    return found;
  }
}

/** States of sockets that take what comes: a listening one of TCP, an unconnected one of UDP. */
const waitingStates = ['0A', '07'];

/** Columns: number, local address, remote address, state, ..., inode at the tenth place (proc(5)). */
export function listenersIn(text: string): readonly { readonly port: number; readonly inode: string }[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state = '', , , , , , inode = ''] = line.trim().split(/\s+/);
      if (!waitingStates.includes(state)) return [];
      return [{ port: Number.parseInt(local.split(':').at(-1) ?? '', 16), inode }];
    });
}

/** `process 812 (nginx)`; undefined when it cannot be found. */
async function processOf(inode: string): Promise<string | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (target !== `socket:[${inode}]`) continue;
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return `process ${pid} (${name.trim()})`;
    }
  }
  return undefined;
}

function nodePortsOf(service: Service | undefined): readonly NodePort[] {
  return (service?.spec.ports ?? []).flatMap(({ nodePort, protocol = 'TCP' }) =>
    nodePort ? [{ protocol, port: nodePort }] : [],
  );
}

const textOf = ({ protocol, port }: NodePort) => `${protocol} ${port}`;
