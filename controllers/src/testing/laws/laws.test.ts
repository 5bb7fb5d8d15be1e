import fc from 'fast-check';
import { controllerNames } from '../../controllers.ts';
import { brokenLaw, type ControllerLaws, moveNames } from './controller-laws.ts';
import { lawTable } from './table.ts';

/** Milliseconds between moves: at once, within the pace of a key, after it, and long. */
const waits = [0, 5, 30, 1000, 45_000];

function history(laws: ControllerLaws) {
  const names = moveNames(laws);
  return fc.array(
    fc.record({
      move: fc.nat(names.length - 1),
      dice: fc.nat(1000),
      waitMs: fc.constantFrom(...waits),
    }),
    { maxLength: 20 },
  );
}

describe('the laws of the controllers', () => {
  it('are asked of every controller there is', () => {
    expect(lawTable.map(({ controller }) => controller).toSorted()).toEqual(controllerNames.toSorted());
  });

  it.each(lawTable.map((laws) => [laws.controller, laws] as const))('hold for %s', async (_, laws) => {
    const names = moveNames(laws);
    await fc.assert(
      fc.asyncProperty(history(laws), async (steps) => {
        const broken = await brokenLaw(laws, steps);
        if (broken === undefined) return;
        const story = steps.map(({ move, dice, waitMs }) => `${names[move]} (dice ${dice}), then ${waitMs} ms`);
        throw new Error([broken, ...story].join('\n  '));
      }),
      { numRuns: 50, seed: 20261121 },
    );
  });
});
