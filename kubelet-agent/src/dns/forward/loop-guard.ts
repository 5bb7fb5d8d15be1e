import type { Clock } from '@slipway/kit/clock';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import { recordTypes } from '../wire/record-types.ts';
import { askByUdp, type Upstream } from './exchange.ts';
import { encodeQuestion, questionFor } from './foreign-question.ts';

export interface LoopGuardDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A host's own forwarder may be set up anew at any time. */
const recheckMs = 300_000;
const loopMs = 30_000;
const probeMs = 2000;
/** Servers remembered; a cluster knows a handful. */
const serversMax = 64;

/**
 * Finds servers that ask us what we ask them, such as a forwarder on the host that was told to use the cluster's DNS: each
 * is asked for a name that nobody else knows; when that question arrives here, the server leads back.
 */
export class LoopGuard {
  readonly #deps: LoopGuardDeps;
  /** Name of a probe → the server that was asked. */
  readonly #probes = new Map<string, Upstream>();
  readonly #checkedMs = new Map<string, number>();
  readonly #loopsUntilMs = new Map<string, number>();

  constructor(deps: LoopGuardDeps) {
    this.#deps = deps;
  }

  /** Those that do not lead back, as far as known. One that is new is probed meanwhile. */
  usable(servers: readonly Upstream[], signal: AbortSignal): readonly Upstream[] {
    const now = this.#deps.clock.monotonicMs();
    return servers.filter((server) => {
      const key = `${server.address} ${server.port}`;
      if ((this.#loopsUntilMs.get(key) ?? 0) > now) return false;
      const checkedMs = this.#checkedMs.get(key);
      if (checkedMs === undefined || now - checkedMs > recheckMs || this.#loopsUntilMs.delete(key)) {
        if (this.#checkedMs.size >= serversMax) this.#checkedMs.clear();
        this.#checkedMs.set(key, now);
        void this.#probe(server, signal);
      }
      return true;
    });
  }

  /** To be called with each name outside the cluster that is asked for; true when it is one of the probes. */
  hasArrived(name: string): boolean {
    const server = this.#probes.get(name);
    if (!server) return false;
    const { clock, log } = this.#deps;
    this.#loopsUntilMs.set(`${server.address} ${server.port}`, clock.monotonicMs() + loopMs);
    this.#probes.delete(name);
    log.error(
      { server: server.address },
      'the resolver asks cluster DNS for names outside the cluster, which asks it: it is left alone until that changes',
    );
    return true;
  }

  async #probe(server: Upstream, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    const name = `${random.suffix(16)}.${random.suffix(16)}`;
    const question = questionFor(name, recordTypes.HINFO);
    if (!question) return;
    const deadline = new AbortController();
    const cancel = clock.after(probeMs, () => deadline.abort());
    this.#probes.set(name, server);
    // Whatever it answers: only whether the question comes back matters.
    await askByUdp(encodeQuestion(question, random, true), server, AbortSignal.any([signal, deadline.signal])).catch(
      () => {},
    );
    cancel();
    this.#probes.delete(name);
  }
}
