/** The proof of the simulator: it finds what is wrong, and finds nothing where nothing is. */
import { invariant } from '@slipway/kit/invariant';
import { makeBeginning } from '../beginning.ts';
import { runSeed } from '../run-seed.ts';
import { ecs, kubernetes, type Scene } from '../scenes.ts';
import { stepsDefault } from '../seeds.ts';
import type { Beginning } from '../world.ts';
import { ecsBugs } from './ecs-bugs.ts';
import { plantedBugs } from './planted-bugs.ts';

/** Seeds that are tried until a mistake is found. */
const seedsMax = 12;

describe('a mistake made on purpose', () => {
  const beginnings = new Map<Scene, Beginning>();
  beforeAll(async () => {
    for (const scene of [kubernetes, ecs]) beginnings.set(scene, await makeBeginning(scene));
  });

  it.each([...plantedBugs, ...ecsBugs].map((bug) => [bug.what, bug] as const))('is found: %s', async (_, bug) => {
    const { plant, only, foundBy, scene = kubernetes, steps = stepsDefault } = bug;
    const beginning = beginnings.get(scene);
    invariant(beginning, `no beginning of ${scene.name}`);
    for (let seed = 1; seed <= seedsMax; seed++) {
      const found = await runSeed({ seed, steps, beginning, scene, only, planted: plant() });
      if (!found.problem) continue;
      expect(foundBy).toContain(found.problem.checker);
      const clean = await runSeed({ seed, steps, beginning, scene, only });
      expect(clean.problem).toBeUndefined();
      return;
    }
    throw new Error(`not found in ${seedsMax} seeds`);
  });
});
