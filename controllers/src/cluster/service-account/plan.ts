import { kinds } from '@slipway/client/kinds';
import type { Plan } from '../../runtime/step.ts';
import { defaultAccountName, type ObservedNamespaceAccounts } from './observe.ts';

/** Every namespace that is not on its way out has the account that pods run as when they name none. */
export function planAccounts({ namespace, account }: ObservedNamespaceAccounts): Plan {
  if (account || namespace.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const metadata = { name: defaultAccountName, namespace: namespace.metadata.name ?? '' };
  const object = { apiVersion: 'v1', kind: 'ServiceAccount', metadata };
  return { steps: [{ op: 'create', kind: kinds.serviceAccounts, object }], status: 'unchanged' };
}
