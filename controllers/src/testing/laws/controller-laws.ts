/**
 * What every controller keeps, whatever happens around it:
 *
 * 1. It comes to rest: after the last change it writes a while and then nothing more, and tells nothing more.
 * 2. A resync writes nothing: started anew over a world at rest, without any memory, it leaves the world as it is.
 *    So nothing that it does hangs on what it remembers, and no change slipped through its triggers.
 * 3. It touches only what is its own: the status of its primary, children that name an object of its primary as their
 *    controller, and what its row allows besides.
 * 4. What its row says must never happen never does: more than surge, less than promised, a name given twice.
 * 5. At rest the world is as the row says: as many pods as wanted.
 *
 * A row describes a controller for this: the world that it starts in, and moves that others make there. The moves of
 * a history come from fast-check, so a law that breaks comes back as the shortest history that breaks it.
 */
import { builtInResources } from '@slipway/api/resources';
import type { KubeObject } from '@slipway/api/types';
import type { Transport } from '@slipway/api/transport';
import { type Kind, kindId } from '@slipway/client/kinds';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { invariant } from '@slipway/kit/invariant';
import type { Clock } from '@slipway/kit/clock';
import type { ControllerDefinition } from '../../runtime/controller-definition.ts';
import { allControllers } from '../../controllers.ts';
import { createManager } from '../../runtime/manager.ts';
import { controllerOf } from '../../runtime/owner.ts';
import { groupOf } from '../../runtime/controller.ts';
import { childMoves } from './child-moves.ts';
import { MemoryServer, type Write } from './memory-server.ts';

/** Something that a user, a node agent or another controller does. `dice` says to which object, and how. */
export type Move = (server: MemoryServer, dice: number) => void;

export interface ControllerLaws {
  /** Its name in `controllers.ts`. */
  readonly controller: string;
  /** Its primary kind, and the kinds of what it makes for an object of it. */
  readonly primary?: Kind;
  readonly children?: readonly Kind[];
  /** The world before the controller starts. */
  start(server: MemoryServer): void;
  /** By name, as a history that fails shows them. Rows with children get those of `child-moves.ts` besides. */
  readonly moves: Readonly<Record<string, Move>>;
  /** Writes beyond the status of its primary and its own children; what they are, not whether they were wise. */
  mayWrite?(write: Write, server: MemoryServer): boolean;
  /** What is wrong with a write of the controller; the server already shows it. */
  never?(write: Write, server: MemoryServer): string | undefined;
  /** What is wrong with the world, now that nothing moves any more. */
  atRest?(server: MemoryServer): string | undefined;
  /** In its histories writes also fail, arrived or not, and it ends between any two of them. */
  readonly mayDie?: boolean;
  /** After this it must have come to rest; 30 minutes when not given. */
  readonly restsAfterMs?: number;
}

/** One move, and how long nothing else happens then. */
export interface HistoryStep {
  readonly move: number;
  readonly dice: number;
  readonly waitMs: number;
}

const restMsDefault = 30 * 60_000;
/** A world of a few objects that takes more writes than this to come to rest is a loop. */
const writesMax = 2000;

/** Also moves: what the controller remembers is lost, at rest or between two writes. */
const restart = 'the controller is started anew';
const death = 'the controller dies among its next writes';
const failure = 'one of its next writes fails';

/** What the laws have against this history; undefined when they hold. `definitionOf` finds the controller by its row. */
export async function brokenLaw(
  laws: ControllerLaws,
  history: readonly HistoryStep[],
  definitionOf: DefinitionOf = knownDefinition,
): Promise<string | undefined> {
  const world = new LawWorld(laws, definitionOf);
  laws.start(world.server);
  const moves = movesOf(laws);
  const coming = [...history];
  const live = async () => {
    for (let step = coming.shift(); step; step = coming.shift()) {
      const [name, move] = moves[step.move % moves.length] ?? [];
      if (name === restart || world.isDead) return false;
      if (name === death || name === failure) world.failSoon(step.dice, name === death);
      move?.(world.server, step.dice);
      // The controller hears of it before any time goes by: old views are the simulator's subject.
      await world.clock.advance(0);
      await world.clock.advance(step.waitMs);
    }
    await world.clock.advance(laws.restsAfterMs ?? restMsDefault);
    return !world.isDead;
  };
  while (!(await world.run(live)));
  if (world.broken) return world.broken;
  return (await world.whatStirs()) ?? laws.atRest?.(world.server);
}

/** Names of a row's moves, in the order in which histories number them. */
export function moveNames(laws: ControllerLaws): string[] {
  return movesOf(laws).map(([name]) => name);
}

function movesOf(laws: ControllerLaws): [string, Move][] {
  const ends = { [restart]: () => {}, ...(laws.mayDie ? { [death]: () => {}, [failure]: () => {} } : {}) };
  return Object.entries({ ...childMoves(laws), ...laws.moves, ...ends });
}

export type DefinitionOf = (laws: ControllerLaws, clock: Clock) => ControllerDefinition;

function knownDefinition({ controller }: ControllerLaws, clock: Clock): ControllerDefinition {
  const definition = allControllers(config, clock).find(({ name }) => name === controller);
  invariant(definition, `there is no controller ${controller}`);
  return definition;
}

class LawWorld {
  readonly clock = new VirtualClock();
  readonly server = new MemoryServer(this.clock);
  readonly #laws: ControllerLaws;
  readonly #definitionOf: DefinitionOf;
  #writes = 0;
  #told = 0;
  #fault: { afterWrites: number; readonly arrives: boolean; readonly isDeadly: boolean } | undefined;
  isDead = false;
  broken: string | undefined;

  constructor(laws: ControllerLaws, definitionOf: DefinitionOf) {
    this.#laws = laws;
    this.#definitionOf = definitionOf;
  }

  /** The controller lives while `story` runs; it knows nothing of its former lives. */
  async run<T>(story: () => Promise<T>): Promise<T> {
    const { clock, server } = this;
    const definition = this.#definitionOf(this.#laws, clock);
    this.isDead = false;
    this.#fault = undefined;
    const transport = this.#mortal(server.transport((write) => this.#hear(write)));
    const manager = createManager([definition], [], { transport, clock, random: seededRandom(1), log: silentLogger });
    const stopping = new AbortController();
    const running = manager.run(stopping.signal);
    await clock.advance(0);
    await manager.ready;
    await clock.advance(0);
    const ending = await story();
    stopping.abort();
    await clock.advance(0);
    await running;
    return ending;
  }

  /** A few writes on, one fails, which may have arrived all the same; and with it, perhaps, the controller. */
  failSoon(dice: number, isDeadly: boolean): void {
    this.#fault = { afterWrites: dice % 7, arrives: dice % 2 === 0, isDeadly };
  }

  /** Nothing goes out of a controller that is dead, and nothing comes in. */
  #mortal(transport: Transport): Transport {
    return {
      watch: (request, signal) => transport.watch(request, signal),
      send: async (request, signal) => {
        const isWrite = request.verb !== 'get' && request.verb !== 'list' && request.path.resource !== 'events';
        const fault = this.#fault;
        const fails = isWrite && fault !== undefined && fault.afterWrites-- <= 0;
        if (this.isDead) throw new Error('the controller is dead');
        if (!fails) return transport.send(request, signal);
        this.#fault = undefined;
        this.isDead = fault.isDeadly;
        if (fault.arrives) await transport.send(request, signal);
        throw new Error('the connection is lost');
      },
    };
  }

  /** Started over a world at rest, it may find nothing to do, now or as time goes by. */
  async whatStirs(): Promise<string | undefined> {
    const [writes, told] = [this.#writes, this.#told];
    await this.run(() => this.clock.advance(10 * 60_000));
    if (this.broken) return this.broken;
    if (this.#writes > writes) return `started anew at rest it writes ${this.#writes - writes} times`;
    if (this.#told > told) return `started anew at rest it tells ${this.#told - told} events`;
    return undefined;
  }

  #hear(write: Write): void {
    if (write.kindId === 'events') {
      this.#told++;
      return;
    }
    this.#writes++;
    this.broken ??= this.#wrong(write);
  }

  #wrong(write: Write): string | undefined {
    if (this.#writes > writesMax) return `it does not come to rest: ${described(write)}`;
    const isOwn = isOwnWrite(this.#laws, write) || this.#laws.mayWrite?.(write, this.server);
    if (!isOwn) return `it touched what is not its own: ${described(write)}`;
    const wrong = this.#laws.never?.(write, this.server);
    return wrong && `${wrong}: ${described(write)}`;
  }
}

const config = {
  resources: builtInResources,
  caPem: 'the certificate of the authority',
  clusterCidr: '10.64.0.0/16',
  signCertificate: () => Promise.resolve('a certificate'),
  signAccountToken: () => 'a token',
};

/** The status of the primary; a new child; a child that it has, or an orphan that it takes or gives up. */
function isOwnWrite({ primary, children = [] }: ControllerLaws, write: Write): boolean {
  if (primary && write.kindId === kindId(primary)) return write.subresource === 'status';
  if (!primary || !children.some((kind) => kindId(kind) === write.kindId)) return false;
  const was = write.before && isChildOf(primary, write.before);
  const is = write.after && isChildOf(primary, write.after);
  if (write.verb === 'create') return is === true;
  const isAdoption = is === true && write.before !== undefined && !controllerOf(write.before);
  return was === true || isAdoption;
}

function isChildOf({ group, kind }: Kind, object: KubeObject): boolean {
  const owner = controllerOf(object);
  return owner?.kind === kind && groupOf(owner.apiVersion) === group;
}

function described({ verb, kindId: id, subresource, before, after }: Write): string {
  const { metadata } = (after ?? before) as KubeObject;
  const what = `${verb} ${id}${subresource ? `/${subresource}` : ''} ${metadata.namespace ?? ''}/${metadata.name}`;
  return `${what} ${JSON.stringify({ before: shown(before), after: shown(after) })}`;
}

function shown(object: KubeObject | undefined): unknown {
  if (!object) return undefined;
  const { labels, ownerReferences, deletionTimestamp } = object.metadata;
  const { spec, status } = object as { spec?: unknown; status?: unknown };
  return {
    labels,
    owners: ownerReferences?.map(({ kind, name }) => `${kind}/${name}`),
    deletionTimestamp,
    spec,
    status,
  };
}
