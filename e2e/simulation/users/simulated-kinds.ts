import { builtInResources } from '@slipway/api/resources';
import type { KubeObject } from '@slipway/api/types';
import { type Kind, kindFrom } from '@slipway/client/kinds';
import { invariant } from '@slipway/kit/invariant';

/** What users make and change, by the name of the resource. */
export function kindOf<T extends KubeObject = KubeObject>(group: string, resource: string): Kind<T> {
  const found = builtInResources.find((each) => each.group === group && each.resource === resource);
  invariant(found, `the server has no resource ${resource} in group "${group}"`);
  return kindFrom<T>(found);
}
