/** What runs on a machine, and lasts when its agent restarts. Gone when the machine was off. */
export interface Sandbox {
  readonly uid: string;
  /** NAMESPACE/NAME of the pod. */
  readonly key: string;
  readonly ip: string;
  readonly startedMs: number;
  readonly readyMs: number;
  /** When they stop being ready. */
  readonly sickMs: number | undefined;
  /** When its containers end by themselves; undefined for those that run until told otherwise. */
  readonly endsMs: number | undefined;
  readonly exitCode: number;
  readonly restarts: number;
}

/** Told of what runs, for checkers that look at machines. */
export interface SandboxListener {
  started(node: string, sandbox: Sandbox): void;
}

export class Sandboxes {
  readonly #node: string;
  readonly #listener: SandboxListener;
  readonly #byUid = new Map<string, Sandbox>();

  constructor(node: string, listener: SandboxListener) {
    this.#node = node;
    this.#listener = listener;
  }

  get(uid: string): Sandbox | undefined {
    return this.#byUid.get(uid);
  }

  all(): Iterable<Sandbox> {
    return this.#byUid.values();
  }

  put(sandbox: Sandbox): void {
    this.#byUid.set(sandbox.uid, sandbox);
    this.#listener.started(this.#node, sandbox);
  }

  remove(uid: string): void {
    this.#byUid.delete(uid);
  }

  clear(): void {
    this.#byUid.clear();
  }

  /** The lowest address of a network (`10.64.3.0/24`) that is neither taken here nor among the others. */
  freeAddress(network: string, others: ReadonlySet<string>): string | undefined {
    const taken = new Set([...this.#byUid.values()].map(({ ip }) => ip));
    const [base = ''] = network.split('/', 1);
    const prefix = base.slice(0, base.lastIndexOf('.'));
    for (let last = 2; last < 255; last++) {
      const address = `${prefix}.${last}`;
      if (!taken.has(address) && !others.has(address)) return address;
    }
    return undefined;
  }
}
