import type { Secret } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Plan } from '../../runtime/step.ts';

export const bootstrapTokenType = 'bootstrap.kubernetes.io/token';

/** A bootstrap token is deleted when its time is up. One whose end cannot be read is over, too: the API server takes it so. */
export function planBootstrapToken({ secret }: { readonly secret: Secret }, nowMs: number): Plan {
  const text = Buffer.from(secret.data?.expiration ?? '', 'base64').toString();
  if (text === '' || secret.metadata.deletionTimestamp) return { steps: [], status: 'unchanged' };
  const endMs = Date.parse(text);
  if (endMs > nowMs) return { steps: [], status: 'unchanged', again: { afterMs: endMs - nowMs } };
  const step = { op: 'delete', kind: kinds.secrets, target: secret, ifUnchanged: true } as const;
  return { steps: [step], status: 'unchanged' };
}
