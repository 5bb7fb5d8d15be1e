import type { Scene } from './scenes.ts';
import { type Beginning, World } from './world.ts';

/** Any seed will do: it is the same for all. */
const beginningSeed = 1;
const bootMs = 5_000;
const settleMs = 60_000;

/** Brings up a cluster in which nothing goes wrong, and stops it. Takes a moment, so it is done once per process. */
export async function makeBeginning({ ownKinds, nodeLabels = {} }: Scene): Promise<Beginning> {
  const first = new World({ seed: beginningSeed, beginning: undefined, ownKinds, firstProcess: 0x4000 });
  first.apiServer.start();
  await first.clock.advance(bootMs);
  const { resources } = first.apiServer;
  first.apiServer.crash();
  const world = new World({
    seed: beginningSeed,
    firstProcess: 0x5000,
    beginning: { image: first.disk.image(), resources, atMs: first.clock.nowMs(), ownKinds, nodeLabels },
  });
  world.startAll();
  await world.clock.advance(settleMs);
  world.apiServer.crash();
  return { image: world.disk.image(), resources, atMs: world.clock.nowMs(), ownKinds, nodeLabels };
}
