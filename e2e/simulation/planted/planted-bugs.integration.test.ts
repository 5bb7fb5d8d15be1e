/** The proof of the simulator: it finds what is wrong, and finds nothing where nothing is. */
import { makeBeginning } from '../beginning.ts';
import { runSeed } from '../run-seed.ts';
import { kubernetes } from '../scenes.ts';
import { stepsDefault } from '../seeds.ts';
import type { Beginning } from '../world.ts';
import { plantedBugs } from './planted-bugs.ts';

/** Seeds that are tried until a mistake is found. */
const seedsMax = 12;

describe('a mistake made on purpose', () => {
  let beginning: Beginning;
  beforeAll(async () => {
    beginning = await makeBeginning(kubernetes);
  });

  it.each(plantedBugs.map((bug) => [bug.what, bug] as const))('is found: %s', async (_, { plant, only, foundBy }) => {
    for (let seed = 1; seed <= seedsMax; seed++) {
      const found = await runSeed({ seed, steps: stepsDefault, beginning, only, planted: plant() });
      if (!found.problem) continue;
      expect(foundBy).toContain(found.problem.checker);
      const clean = await runSeed({ seed, steps: stepsDefault, beginning, only });
      expect(clean.problem).toBeUndefined();
      return;
    }
    throw new Error(`not found in ${seedsMax} seeds`);
  });
});
