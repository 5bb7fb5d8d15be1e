import type { Pod } from '@slipway/api/types';
import { type Kind, kinds, parseKey } from '@slipway/client/kinds';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { claimsOf, planClaim, planVolume } from './plan.ts';

const byClaim = 'claim';

const claimKeysOf = (pod: Pod) => claimsOf(pod).map((name) => `${pod.metadata.namespace}/${name}`);

/** Lets claims go that no pod uses. */
export const claimProtectionController = definitionFrom({
  name: 'pvc-protection',
  component: 'pvc-protection-controller',
  account: 'pvc-protection-controller',
  primary: kinds.persistentVolumeClaims,
  triggers: [triggerOn(kinds.pods, claimKeysOf)],
  indexes: [indexOn(kinds.pods, byClaim, claimKeysOf)],
  observe: (key, caches) => {
    const claim = caches.get(kinds.persistentVolumeClaims, key);
    const { namespace, name } = parseKey(key);
    return claim && { claim, pods: caches.byIndex(kinds.pods, byClaim, `${namespace}/${name}`) };
  },
  plan: (observed) => planClaim(observed, kinds.persistentVolumeClaims as Kind),
});

/** Lets volumes go that no claim is bound to. */
export const volumeProtectionController = definitionFrom({
  name: 'pv-protection',
  component: 'pv-protection-controller',
  account: 'pv-protection-controller',
  primary: kinds.persistentVolumes,
  triggers: [],
  observe: (key, caches) => {
    const volume = caches.get(kinds.persistentVolumes, key);
    return volume && { volume };
  },
  plan: (observed) => planVolume(observed, kinds.persistentVolumes as Kind),
});
