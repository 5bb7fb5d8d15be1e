/**
 * How a pod wants its node chosen among those that take it, where a pod's spec has no field for it. On the pod, the most important first:
 *
 *     slipway.dev/placement: spread, binpack:memory
 *
 * `spread`: as its topology spread constraints of the kind ScheduleAnyway say. `binpack:cpu`, `binpack:memory`: where the least of that is left
 * over. `random`: anywhere. What the first wish leaves equal the second decides. It is obeyed by our own scheduler, under every `schedulerName`
 * of its own; others do not know it.
 */
export const placementAnnotation = 'slipway.dev/placement';

export const placementWishes = ['spread', 'binpack:cpu', 'binpack:memory', 'random'] as const;
export type PlacementWish = (typeof placementWishes)[number];

const wishesMax = 5;

/** Undefined for a text that is none; such a pod is placed as if it had said nothing. */
export function parsePlacement(text: string | undefined): readonly PlacementWish[] | undefined {
  if (text === undefined) return undefined;
  const wishes = text.split(',').map((each) => placementWishes.find((wish) => wish === each.trim()));
  if (wishes.length > wishesMax || wishes.includes(undefined)) return undefined;
  return [...new Set(wishes.flatMap((wish) => wish ?? []))];
}

export function formatPlacement(wishes: readonly PlacementWish[]): string {
  return wishes.join(', ');
}
