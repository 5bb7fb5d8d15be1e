/** Random nodes and pods in which every rule of scheduling is at work. */
import type { Node, Pod } from '@slipway/api/types';
import { type Random, seededRandom } from '@slipway/kit/random';
import { aNode, aPod, type PodTraits } from './small-cluster.ts';

const zone = 'topology.kubernetes.io/zone';
const host = 'kubernetes.io/hostname';
const apps = ['web', 'db', 'job'];

/** Chance with handy questions. */
export class Dice {
  readonly #random: Random;
  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }
  below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }
  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
  chance(part: number): boolean {
    return this.#random.next() < part;
  }
}

export function randomNode(dice: Dice, name: string): Node {
  return aNode(name, {
    labels: dice.chance(0.9) ? { [zone]: dice.of(['x', 'y', 'z']), disk: dice.of(['ssd', 'hdd']) } : {},
    spec: {
      ...(dice.chance(0.2) ? { taints: [{ key: 'k', effect: dice.of(['NoSchedule', 'PreferNoSchedule']) }] } : {}),
      ...(dice.chance(0.1) ? { unschedulable: true } : {}),
    },
    allocatable: { cpu: dice.of(['1', '2', '4']), pods: dice.of(['3', '10']) },
    ...(dice.chance(0.3) ? { images: [{ names: ['x:latest'], sizeBytes: 500_000_000 }] } : {}),
  });
}

export function randomPod(dice: Dice): Pod {
  const term = () => ({ topologyKey: dice.of([zone, host]), labelSelector: { matchLabels: { app: dice.of(apps) } } });
  const required = () => ({ requiredDuringSchedulingIgnoredDuringExecution: [term()] });
  const preferred = () => ({
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 + dice.below(100), podAffinityTerm: term() }],
  });
  const traits: PodTraits = {
    labels: { app: dice.of(apps) },
    cpu: dice.of(['100m', '500m', '1']),
    priority: dice.below(4),
    ...(dice.chance(0.3) ? { owner: dice.of(apps) } : {}),
    ...(dice.chance(0.2) ? { nodeSelector: { disk: 'ssd' } } : {}),
    ...(dice.chance(0.3) ? { tolerations: [{ operator: 'Exists' }] } : {}),
    ...(dice.chance(0.1) ? { terminating: true } : {}),
    ...(dice.chance(0.4)
      ? {
          affinity: dice.of([
            { podAntiAffinity: required() },
            { podAffinity: required() },
            { podAntiAffinity: preferred() },
            { podAffinity: preferred() },
          ]),
        }
      : {}),
    ...(dice.chance(0.3)
      ? {
          topologySpreadConstraints: [
            {
              topologyKey: dice.of([zone, host]),
              maxSkew: 1 + dice.below(2),
              whenUnsatisfiable: dice.of(['DoNotSchedule', 'ScheduleAnyway']),
              labelSelector: { matchLabels: { app: dice.of(apps) } },
              nodeTaintsPolicy: dice.of(['Honor', 'Ignore']),
            },
          ],
        }
      : {}),
  };
  return aPod(traits);
}
