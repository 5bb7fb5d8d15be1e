import { kinds } from '@slipway/client/kinds';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { bootstrapTokenType, planBootstrapToken } from './plan.ts';

export const bootstrapTokenCleaner = definitionFrom({
  name: 'tokencleaner',
  component: 'token-cleaner-controller',
  account: 'token-cleaner',
  primary: kinds.secrets,
  triggers: [],
  observe: (key, caches) => {
    const secret = caches.get(kinds.secrets, key);
    const isToken = secret?.type === bootstrapTokenType && secret.metadata.namespace === 'kube-system';
    return isToken ? { secret } : undefined;
  },
  plan: planBootstrapToken,
});
