import { kinds } from '@slipway/client/kinds';
import type { Clock } from '@slipway/kit/clock';
import type { StartWatch } from '../node/start-watch.ts';
import { PeerIndex } from './peer-index.ts';
import { projectPod } from './peer-pod.ts';

/** How long nobody has to ask for peers until they are forgotten: a policy that is replaced comes back sooner. */
const lingerMs = 60_000;

/** All pods and namespaces of the cluster, watched only while policies of this node's pods name peers. */
export class PeerWatch {
  readonly index: PeerIndex;
  readonly #watch: StartWatch;
  readonly #clock: Clock;
  #running: { readonly stop: AbortController; readonly done: Promise<unknown> } | undefined;
  #cancelStop: (() => void) | undefined;

  constructor(watch: StartWatch, clock: Clock, onChange: () => void) {
    this.index = new PeerIndex(onChange);
    this.#watch = watch;
    this.#clock = clock;
  }

  /** Said anew with each plan. */
  need(isNeeded: boolean): void {
    if (isNeeded) {
      this.#cancelStop?.();
      this.#cancelStop = undefined;
      this.#running ??= this.#start();
    } else if (this.#running) {
      this.#cancelStop ??= this.#clock.after(lingerMs, () => void this.stop());
    }
  }

  async stop(): Promise<void> {
    this.#cancelStop?.();
    this.#cancelStop = undefined;
    const running = this.#running;
    this.#running = undefined;
    running?.stop.abort();
    this.index.forgetPeers();
    await running?.done;
  }

  #start() {
    const stop = new AbortController();
    const runs = [
      this.#watch({ kind: kinds.namespaces, cache: this.index.namespaces }),
      this.#watch({ kind: kinds.pods, cache: this.index.pods, project: projectPod }),
    ];
    return { stop, done: Promise.all(runs.map((run) => run(stop.signal))) };
  }
}
