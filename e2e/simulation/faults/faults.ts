import { kinds } from '@slipway/client/kinds';
import { messageOf } from '@slipway/kit/errors';
import { noNetworkFaults } from '../network.ts';
import type { SimulatedProcess } from '../process.ts';
import type { World } from '../world.ts';

/** Something that goes wrong. It mends itself after a while, or at the end of the trouble at the latest. */
export interface Fault {
  readonly name: string;
  readonly weight: number;
  strike(world: World): void;
}

/** Everything that goes wrong, and how often in comparison. */
export const faults: readonly Fault[] = [
  { name: 'bad network', weight: 6, strike: badNetwork },
  { name: 'overloaded server', weight: 2, strike: overload },
  {
    name: 'cut watches',
    weight: 4,
    strike: (world) => void world.network.cutWatches(world.chance.pick([0.1, 0.5, 1]) ?? 1),
  },
  { name: 'compact early', weight: 3, strike: compact },
  { name: 'crash API server', weight: 4, strike: crashApiServer },
  { name: 'crash controllers', weight: 3, strike: (world) => crashOneOf(world, world.managers) },
  { name: 'crash scheduler', weight: 2, strike: (world) => crashOneOf(world, world.schedulers) },
  { name: 'two leaders', weight: 1, strike: twoLeaders },
  { name: 'restart agent', weight: 2, strike: (world) => crashOneOf(world, world.nodes) },
  { name: 'lose node', weight: 2, strike: loseNode },
  { name: 'partition', weight: 3, strike: partition },
  { name: 'clock jump', weight: 2, strike: clockJump },
  { name: 'slow disk', weight: 2, strike: slowDisk },
];

/** Everything is as it should be again. */
export function heal(world: World): void {
  world.network.faults = noNetworkFaults;
  world.syncMsMax = 0;
  world.apiServer.start();
  for (const part of [...world.managers, ...world.schedulers, ...world.nodes]) {
    part.start();
    if (!part.process) continue;
    part.process.isPartitioned = false;
    part.process.clock.correct();
  }
  world.apiServer.process?.clock.correct();
}

function badNetwork(world: World): void {
  const { chance, network, clock } = world;
  const often = chance.pick([0.02, 0.1, 0.3]) ?? 0;
  network.faults = {
    requestLost: chance.strikes(0.6) ? often : 0,
    answerLost: chance.strikes(0.6) ? often : 0,
    repeated: chance.strikes(0.3) ? often : 0,
    late: chance.strikes(0.5) ? often * 2 : 0,
    latenessMsMax: chance.pick([50, 500, 5_000]) ?? 0,
    watchLate: chance.strikes(0.6) ? often * 2 : 0,
    watchLatenessMsMax: chance.pick([50, 1_000, 10_000]) ?? 0,
    tooMany: 0,
  };
  clock.after(chance.between(1_000, 20_000), () => {
    network.faults = noNetworkFaults;
  });
}

function overload(world: World): void {
  const { chance, network, clock } = world;
  network.faults = { ...network.faults, tooMany: chance.pick([0.2, 0.8]) ?? 0 };
  clock.after(chance.between(500, 5_000), () => {
    network.faults = { ...network.faults, tooMany: 0 };
  });
}

/** Everything that is behind has lost the thread and must list again. */
function compact(world: World): void {
  world.apiServer.compact();
  if (world.chance.strikes(0.5)) world.network.cutWatches(0.5);
}

function crashApiServer(world: World): void {
  world.apiServer.crash();
  world.clock.after(world.chance.between(50, 8_000), () => world.apiServer.start());
}

interface Restartable {
  crash(): void;
  start(): void;
}

function crashOneOf(world: World, parts: readonly Restartable[]): void {
  const part = world.chance.pick(parts);
  part?.crash();
  world.clock.after(world.chance.between(50, 10_000), () => part?.start());
}

/** One of the controllers does its work without the lease, as if it had slept through losing it. */
function twoLeaders(world: World): void {
  const waiting = world.managers.find(({ isLeading }) => !isLeading);
  if (!waiting) return;
  waiting.crash();
  waiting.start({ elected: false });
  world.twoLeadersSeen();
  world.clock.after(world.chance.between(1_000, 15_000), () => {
    waiting.crash();
    waiting.start();
  });
}

/** Now and then somebody knows that the machine will not come back, and removes the object. It comes back all the same. */
function loseNode(world: World): void {
  const node = world.chance.pick(world.nodes);
  node?.powerOff();
  if (node && world.chance.strikes(0.4)) {
    const removing = world
      .directClient()
      ?.delete(kinds.nodes, { name: node.name }, { signal: new AbortController().signal });
    removing?.catch((error: unknown) => world.log.write('world', `node not removed: ${messageOf(error)}`));
  }
  world.clock.after(world.chance.pick([2_000, 20_000, 90_000]) ?? 0, () => node?.start());
}

function partition(world: World): void {
  const part = world.chance.pick([...world.nodes, ...world.managers, ...world.schedulers]);
  const process = part?.process;
  if (!process) return;
  process.isPartitioned = true;
  world.clock.after(world.chance.pick([2_000, 20_000, 60_000]) ?? 0, () => {
    process.isPartitioned = false;
  });
}

/**
 * By an hour only where nobody else has to live with what was written meanwhile: what a node dates an hour ahead is not available
 * before that hour has passed.
 */
function clockJump(world: World): void {
  const { chance, log } = world;
  const isNode = chance.strikes(0.5);
  const parts = isNode ? world.nodes : [world.apiServer, ...world.managers, ...world.schedulers];
  const { process } = chance.pick<{ readonly process: SimulatedProcess | undefined }>(parts) ?? {};
  const ms = chance.pick(isNode ? [-30_000, -500, 500, 30_000] : [-3_600_000, -30_000, 30_000, 3_600_000]) ?? 0;
  if (!process) return;
  log.write(process.name, `clock jumps by ${ms} ms`);
  world.clockJumpSeen();
  process.clock.jump(ms);
  world.clock.after(chance.between(5_000, 30_000), () => process.clock.correct());
}

function slowDisk(world: World): void {
  world.syncMsMax = world.chance.pick([5, 50, 2_000]) ?? 0;
  world.clock.after(world.chance.between(1_000, 10_000), () => {
    world.syncMsMax = 0;
  });
}
