/** One seed from its beginning to its end: trouble, healing, and the wait until everything is as it should be. */
import { isStatus } from '@slipway/api/status-error';
import { messageOf } from '@slipway/kit/errors';
import { kinds } from '@slipway/client/kinds';
import { controllerNames } from '@slipway/controllers';
import type { Checker } from './checkers/checker.ts';
import { isSignOfLife } from './checkers/quiet.ts';
import { faults, heal } from './faults/faults.ts';
import { kubernetes, type Scene } from './scenes.ts';
import { kindOf } from './users/simulated-kinds.ts';
import { User } from './users/user.ts';
import { type Beginning, type Planted, World } from './world.ts';

export interface SeedOptions {
  readonly seed: number;
  /** What users do and what goes wrong, counted together. */
  readonly steps: number;
  readonly beginning: Beginning;
  /** What it is about; that of the beginning. Kubernetes' own kinds when not given. */
  readonly scene?: Scene;
  readonly planted?: Planted;
  /** Names of what users do and what goes wrong, when it is not to be everything. */
  readonly only?: readonly string[];
  /** Hears of every line of the log. */
  readonly sink?: (line: string) => void;
}

export interface SeedResult {
  readonly seed: number;
  readonly steps: number;
  readonly problem: { readonly checker: string; readonly message: string } | undefined;
  /** Of the whole log: the same for the same seed. */
  readonly digest: string;
  readonly lines: number;
  readonly tail: readonly string[];
  readonly virtualMs: number;
}

const stepsPerFault = 3;
const stepMsMax = 3_000;
/** Whoever looks at the cluster after the trouble looks so often, */
const lookMs = 20_000;
/** wants nothing to have been written for so long, */
const quietMs = 60_000;
/** and gives up after so long: the longest pauses between two tries are 5 minutes. */
const settleMsMax = 1_800_000;

export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const run = new SeedRun(options);
  await run.toTheEnd();
  return run.result();
}

class SeedRun {
  readonly #options: SeedOptions;
  readonly #scene: Scene;
  readonly #world: World;
  readonly #checkers: readonly Checker[];
  readonly #startMs: number;
  #problem: { readonly checker: string; readonly message: string } | undefined;
  #lastWriteMs = 0;
  #lastWrite = '';

  constructor(options: SeedOptions) {
    this.#options = options;
    this.#scene = options.scene ?? kubernetes;
    const { seed, beginning, planted, sink } = options;
    this.#world = new World({
      seed,
      beginning,
      ...(planted ? { planted } : {}),
      ...(sink ? { sink } : {}),
      sandboxListener: {
        started: (node, sandbox) => this.#check((checker) => checker.started?.(node, sandbox, this.#world)),
      },
    });
    this.#startMs = this.#world.clock.monotonicMs();
    this.#checkers = this.#scene.checkers();
    this.#world.ledger.listen({
      changed: (change) => {
        this.#world.log.write('disk', `${change.revision} ${change.type} ${change.key} ${change.fingerprint}`);
        if (!isSignOfLife(change)) {
          this.#lastWriteMs = this.#world.clock.monotonicMs();
          this.#lastWrite = `${change.key} by ${change.cause}`;
        }
        this.#check((checker) => checker.changed?.(change, this.#world));
      },
      lost: (head) => {
        this.#world.log.write('disk', `has nothing after revision ${head}`);
        this.#check((checker) => checker.recovered?.(this.#world));
      },
    });
  }

  async toTheEnd(): Promise<void> {
    const world = this.#world;
    world.startAll();
    for (const checker of this.#checkers) checker.begin?.(world);
    await world.clock.advance(0);
    await world.clock.advance(5_000);
    await this.#trouble();
    if (this.#problem) return;
    world.log.write('world', 'heals');
    world.faultSeen();
    heal(world);
    await world.clock.advance(10_000);
    await this.#cleanUp();
    await this.#settle();
  }

  async #trouble(): Promise<void> {
    const world = this.#world;
    const { chance, clock, log } = world;
    const user = new User(world, (controller) => controllerNames.includes(controller));
    const { only } = this.#options;
    const isWanted = ({ name }: { readonly name: string }) => !only || only.includes(name);
    const possible = this.#scene.operations
      .filter((each) => isWanted(each) && (!each.needs || user.has(each.needs)))
      .map((value) => ({ weight: value.weight, value }));
    user.begin();
    const troubles = faults.filter(isWanted).map((value) => ({ weight: value.weight, value }));
    for (let step = 0; step < this.#options.steps && !this.#problem; step++) {
      await clock.advance(chance.between(0, chance.strikes(0.5) ? 100 : stepMsMax));
      if (chance.strikes(1 / stepsPerFault)) {
        const fault = chance.weighted(troubles);
        log.write('world', `fault: ${fault?.name}`);
        world.faultSeen();
        fault?.strike(world);
      } else {
        const operation = chance.weighted(possible);
        log.write('user', `wants to ${operation?.name}`);
        operation?.run(user).catch((error: unknown) => log.write('user', `${operation.name}: ${failureIn(error)}`));
      }
    }
    await clock.advance(stepMsMax);
  }

  /** What users left in the way of others, limits, cordons and taints; and what would go on for ever. */
  async #cleanUp(): Promise<void> {
    const { clock } = this.#world;
    const client = this.#world.directClient();
    if (!client) throw new Error('the API server does not come back');
    const cleaning = (async () => {
      const options = { signal: new AbortController().signal };
      for (const { metadata } of (await client.list(kinds.resourceQuotas, options)).items) {
        await client.delete(
          kinds.resourceQuotas,
          { namespace: metadata.namespace, name: metadata.name ?? '' },
          options,
        );
      }
      const cronJobs = kindOf('batch', 'cronjobs');
      for (const { metadata } of (await client.list(cronJobs, options)).items) {
        const ref = { namespace: metadata.namespace, name: metadata.name ?? '' };
        await client.patch(cronJobs, ref, { spec: { suspend: true } }, options);
      }
      for (const { metadata, spec } of (await client.list(kinds.nodes, options)).items) {
        const taints = spec?.taints?.filter(({ key }) => key !== 'trouble') ?? null;
        await client.patch(
          kinds.nodes,
          { name: metadata.name ?? '' },
          { spec: { unschedulable: null, taints } },
          options,
        );
      }
      await this.#scene.cleanUp?.(client, options.signal);
    })();
    await clock.advance(5_000);
    await cleaning;
  }

  async #settle(): Promise<void> {
    const { clock } = this.#world;
    const untilMs = clock.monotonicMs() + settleMsMax;
    for (;;) {
      await clock.advance(lookMs);
      if (this.#problem) return;
      const client = this.#world.directClient();
      const isQuiet = clock.monotonicMs() - this.#lastWriteMs >= quietMs;
      const isLate = clock.monotonicMs() >= untilMs;
      if (!isQuiet && !isLate) continue;
      const wrong = client ? await this.#wrong(client) : { checker: 'world', message: 'the API server is down' };
      if (!wrong && isQuiet) return;
      if (!isLate) continue;
      this.#problem = wrong ?? { checker: 'quiet', message: `there is no end of writing: ${this.#lastWrite}` };
      return;
    }
  }

  async #wrong(client: NonNullable<ReturnType<World['directClient']>>) {
    this.#check((checker) => checker.recovered?.(this.#world));
    if (this.#problem) return this.#problem;
    for (const checker of this.#checkers) {
      const looking = checker.settled?.(this.#world, client);
      await this.#world.clock.advance(0);
      const message = await looking;
      if (message) return { checker: checker.name, message };
    }
    return undefined;
  }

  #check(ask: (checker: Checker) => string | undefined): void {
    if (this.#problem) return;
    for (const checker of this.#checkers) {
      const message = ask(checker);
      if (!message) continue;
      this.#problem = { checker: checker.name, message };
      this.#world.log.write('checker', `${checker.name}: ${message}`);
      return;
    }
  }

  result(): SeedResult {
    const { log, clock } = this.#world;
    const { seed, steps } = this.#options;
    return {
      seed,
      steps,
      problem: this.#problem,
      digest: log.digest(),
      lines: log.count,
      tail: log.tail(60),
      virtualMs: clock.monotonicMs() - this.#startMs,
    };
  }
}

function failureIn(error: unknown): string {
  return isStatus(error) ? error.reason : messageOf(error);
}
