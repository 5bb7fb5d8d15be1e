/**
 * `npm run simulate -- --seed N --steps M`: one seed. `--seeds A..B`: each of them. Without either: one after the other from a seed of
 * the day on, until it is stopped. `--scene ecs`: services of ECS in place of Kubernetes' own kinds. `--log` prints everything that happens.
 */
import { parseArgs } from 'node:util';
import { systemClock } from '@slipway/kit/clock';
import { makeBeginning } from './beginning.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import { kubernetes, scenes } from './scenes.ts';
import { stepsDefault } from './seeds.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    steps: { type: 'string', default: String(stepsDefault) },
    scene: { type: 'string', default: kubernetes.name },
    log: { type: 'boolean', default: false },
  },
});

const steps = Number(values.steps);
const [first, last] = seedsFrom();
const scene = scenes.find(({ name }) => name === values.scene) ?? kubernetes;
const beginning = await makeBeginning(scene);
let failures = 0;
for (let seed = first; seed <= last; seed++) {
  const startMs = systemClock.monotonicMs();
  const sink = (line: string) => void process.stdout.write(`${line}\n`);
  const result = await runSeed({ seed, steps, beginning, scene, ...(values.log ? { sink } : {}) });
  tell(result, systemClock.monotonicMs() - startMs);
  if (result.problem) failures++;
}
process.exitCode = failures === 0 ? 0 : 1;

function seedsFrom(): readonly [number, number] {
  if (values.seed !== undefined) return [Number(values.seed), Number(values.seed)];
  const [from, to] = (values.seeds ?? '').split('..').map(Number);
  if (from !== undefined && to !== undefined) return [from, to];
  return [Math.floor(systemClock.nowMs() / 1000), Number.POSITIVE_INFINITY];
}

function tell({ seed, problem, digest, lines, tail, virtualMs }: SeedResult, tookMs: number): void {
  const size = `${lines} lines, ${Math.round(virtualMs / 1000)} s in ${Math.round(tookMs)} ms, log ${digest}`;
  if (!problem) {
    process.stdout.write(`seed ${seed}: fine (${size})\n`);
    return;
  }
  process.stdout.write(`${tail.join('\n')}\n`);
  process.stdout.write(`seed ${seed}: ${problem.checker}: ${problem.message} (${size})\n`);
  process.stdout.write(`again: npm run simulate -- --scene ${scene.name} --seed ${seed} --steps ${steps}\n`);
}
