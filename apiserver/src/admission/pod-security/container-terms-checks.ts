/** What the annotation `slipway.dev/containers` asks for counts as the field of a pod that it is like: devices as privileged, a root user as runAsUser 0. */
import { podTerms } from '@slipway/api/container-terms';
import { raisedUlimits } from '@slipway/api/container-runtime-terms';
import type { Pod } from '@slipway/api/types';
import { type CheckPod, containersNamed, type PodToCheck, quoted, sortedSet } from './check.ts';

function termsOf({ metadata, spec }: PodToCheck): ReturnType<typeof podTerms> {
  return podTerms({ metadata, spec } as Pod);
}

export const devices: CheckPod = (pod) => {
  const asking = Object.entries(termsOf(pod)).filter(([, terms]) => terms.devices?.length);
  if (asking.length === 0) return undefined;
  const paths = sortedSet(asking.flatMap(([, terms]) => (terms.devices ?? []).map(({ hostPath }) => hostPath)));
  const names = asking.map(([name]) => name);
  return { reason: 'host devices', detail: `${containersNamed(names)} must not ask for ${quoted(paths)}` };
};

export const ulimits: CheckPod = (pod) => {
  const raising = Object.entries(termsOf(pod)).flatMap(([name, terms]) => {
    const raised = raisedUlimits(terms.ulimits);
    return raised.length > 0 ? [{ name, raised }] : [];
  });
  if (raising.length === 0) return undefined;
  const limits = sortedSet(raising.flatMap(({ raised }) => raised));
  const names = raising.map(({ name }) => name);
  return { reason: 'raised ulimits', detail: `${containersNamed(names)} must not raise ${quoted(limits)}` };
};

/** A user that is given as `0`, `00` or `root` is the one that `runAsUser: 0` is. */
export function rootByName(pod: PodToCheck): string[] {
  return Object.entries(termsOf(pod)).flatMap(([name, { user }]) =>
    user !== undefined && /^(0+|root)(:|$)/.test(user) ? [name] : [],
  );
}
