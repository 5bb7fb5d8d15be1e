/** The words in which the tables of roles are written. */
import type { PolicyRule } from '@slipway/api/types';

export type Rules = readonly PolicyRule[];

export const read = 'get list watch';
export const readUpdate = 'get list patch update watch';
export const write = 'create delete deletecollection patch update';
export const readWrite = 'create delete deletecollection get list patch update watch';

/** `on('apps', 'deployments replicasets', 'get list')`: words separated by spaces, `core` for the group without a name. */
export function on(groups: string, resources: string, verbs: string, names?: string): PolicyRule {
  return {
    apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
    resources: words(resources),
    verbs: words(verbs),
  };
}

/** Reading of paths that are no resources. */
export function at(paths: string): PolicyRule {
  return { nonResourceURLs: words(paths), verbs: ['get'] };
}

export const tellEvents = on('core events.k8s.io', 'events', 'create patch update');
export const reviewTokens = on('authentication.k8s.io', 'tokenreviews', 'create');
export const reviewAccess = on('authorization.k8s.io', 'subjectaccessreviews', 'create');

function words(text: string): string[] {
  return text.split(' ');
}
