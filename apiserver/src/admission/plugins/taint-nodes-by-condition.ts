import type { Node } from '@slipway/api/types';
import type { AdmissionPlugin } from '../plugin.ts';

const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** A new node takes no pods before it has said that it is ready; the node lifecycle controller takes the taint off. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  on: [{ operations: ['CREATE'], group: '', resources: ['nodes'] }],

  mutate({ draft }) {
    const node = draft as Node | undefined;
    if (!node) return;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect)) return;
    node.spec = { ...node.spec, taints: [...taints, { ...notReady }] };
  },
};
