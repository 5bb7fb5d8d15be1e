/** The seeds of a change, and that a seed is the same every time. How many: SLIPWAY_SIMULATION_SEEDS. */
import { fileURLToPath } from 'node:url';
import { ExecError, exec } from '@slipway/kit/exec';
import { neverAborted } from '@slipway/kit/abort';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const count = Number(process.env.SLIPWAY_SIMULATION_SEEDS ?? 500);
/** Of services of ECS. More by `npm run simulate -- --scene ecs --seeds A..B`. */
const ecsCount = Number(process.env.SLIPWAY_SIMULATION_ECS_SEEDS ?? 10);
/** Seeds cost time of a processor and nothing else. */
const processes = 2;

/** What it prints, also when a seed fails. */
async function simulate(...args: string[]): Promise<string> {
  const options = { signal: neverAborted, env: process.env };
  const { stdout } = await exec(process.execPath, [main, ...args], options).catch((error: unknown) => {
    if (error instanceof ExecError && error.stdout.length > 0) return error;
    throw error;
  });
  return stdout.toString();
}

describe('the simulated cluster', () => {
  it('goes the same way whenever a seed is run', async () => {
    const [first, second] = await Promise.all([simulate('--seed', '7', '--log'), simulate('--seed', '7', '--log')]);
    expect(first).toMatch(/^seed 7: .*log [0-9a-f]{16}\)$/m);
    expect(untimed(first)).toBe(untimed(second));
  }, 60_000);

  it.each([
    ['kubernetes', count],
    ['ecs', ecsCount],
  ])(
    'keeps its promises: %s, %i seeds',
    async (scene, seeds) => {
      const each = Math.ceil(seeds / processes);
      const ranges = Array.from({ length: processes }, (_, i) => `${i * each + 1}..${Math.min((i + 1) * each, seeds)}`);
      const told = (await Promise.all(ranges.map((range) => simulate('--scene', scene, '--seeds', range)))).join('');
      // What went wrong, with the line that does it again.
      expect(told.replace(/^seed \d+: fine .*\n/gm, '')).toBe('');
      expect(told.match(/^seed \d+: fine/gm)).toHaveLength(seeds);
    },
    900_000,
  );
});

/** Without how long it took. */
function untimed(text: string): string {
  return text.replace(/ in \d+ ms/g, '');
}
