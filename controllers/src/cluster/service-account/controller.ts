import { kinds } from '@slipway/client/kinds';
import { triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { defaultAccountName, observeAccounts } from './observe.ts';
import { planAccounts } from './plan.ts';

/** Gives every namespace its `default` ServiceAccount, and gives it back when it is deleted. */
export const serviceAccountController = definitionFrom({
  name: 'serviceaccount',
  component: 'service-account-controller',
  account: 'service-account-controller',
  primary: kinds.namespaces,
  triggers: [
    triggerOn(kinds.serviceAccounts, ({ metadata }) =>
      metadata.name === defaultAccountName ? [metadata.namespace ?? ''] : [],
    ),
  ],
  observe: observeAccounts,
  plan: planAccounts,
});
