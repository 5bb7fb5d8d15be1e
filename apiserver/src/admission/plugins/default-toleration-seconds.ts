import type { Pod, Toleration } from '@slipway/api/types';
import type { AdmissionPlugin } from '../plugin.ts';

/** How long a pod stays on a node that is not ready or cannot be reached, when it does not say so itself. */
const tolerationSeconds = 300;
const taintKeys = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  // Also of an update, for a client that sends its own manifest again.
  on: [{ operations: ['CREATE', 'UPDATE'], group: '', resources: ['pods'] }],

  mutate({ draft }) {
    const spec = (draft as Pod | undefined)?.spec;
    if (!spec) return;
    const missing = taintKeys.filter((key) => !spec.tolerations?.some((toleration) => tolerates(toleration, key)));
    if (missing.length === 0) return;
    spec.tolerations = [
      ...(spec.tolerations ?? []),
      ...missing.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds })),
    ];
  },
};

function tolerates({ key, effect }: Toleration, wanted: string): boolean {
  return (!key || key === wanted) && (!effect || effect === 'NoExecute');
}
