import type { ServiceAccount } from '@slipway/api/types';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

export const serviceAccountStrategy: Strategy<ServiceAccount> = {
  resource: descriptorOf('', 'v1', 'serviceaccounts'),
  answersDeletedObject: true,
  prepareCreate(draft) {
    dropGeneration(draft);
    keepOnlyNames(draft);
  },
  prepareUpdate: keepOnlyNames,
  validate: () => [],
};

/** A reference to a secret of the same namespace is its name; the rest says nothing and is dropped. */
function keepOnlyNames(draft: ServiceAccount): void {
  if (draft.secrets) draft.secrets = draft.secrets.map(({ name }) => ({ name }));
}
