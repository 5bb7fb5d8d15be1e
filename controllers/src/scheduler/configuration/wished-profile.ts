/** A profile for pods that say themselves how their node is chosen (`slipway.dev/placement`). */
import type { PlacementWish } from '@slipway/api/placement-wishes';
import type { Score } from '../cycle/score.ts';
import { packing } from '../scores/packing.ts';
import { spread } from '../scores/spread.ts';
import { nodePreference } from '../scores/node-preference.ts';
import { podPreference } from '../scores/pod-preference.ts';
import { taintPreference } from '../scores/taint-preference.ts';
import type { Profile } from './profile.ts';

const scoreOf: Readonly<Record<PlacementWish, Score | undefined>> = {
  spread,
  'binpack:cpu': packing('cpu'),
  'binpack:memory': packing('memory'),
  random: undefined,
};
/** What others asked for in the pod's spec decides where its wishes leave nodes equal. */
const last: readonly Score[] = [taintPreference, nodePreference, podPreference];
/** More than all scores that come after can add up to. */
const outranks = 1_000;

/** The same filters and arguments; of the scores those that the pod wishes, each outranking those after it. */
export function wishedProfile(profile: Profile, wishes: readonly PlacementWish[]): Profile {
  const first = wishes.flatMap((wish) => scoreOf[wish] ?? []);
  const kept = profile.scores.filter(({ score }) => last.includes(score));
  return {
    ...profile,
    scores: [...first.map((score, i) => ({ score, weight: outranks ** (first.length - i) })), ...kept],
  };
}

/** Made once for each wish, so that what is remembered by profile is shared. */
export class WishedProfiles {
  readonly #made = new Map<string, Profile>();

  of(profile: Profile, wishes: readonly PlacementWish[] | undefined): Profile {
    if (!wishes) return profile;
    const key = `${profile.schedulerName} ${wishes.join()}`;
    const made = this.#made.get(key) ?? wishedProfile(profile, wishes);
    this.#made.set(key, made);
    return made;
  }
}
