import { type Filter, rejection } from '../cycle/filter.ts';
import { isTolerated } from './tolerations.ts';

const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
const cordoned = rejection('node(s) were unschedulable', false);

export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  isLocal: true,
  prepare: ({ demand }) =>
    isTolerated(taint, demand.tolerations)
      ? undefined
      : { reject: (node) => (node.isUnschedulable ? cordoned : undefined) },
  mayHelp: (_pod, event) =>
    (event.kind === 'nodeAdded' || (event.kind === 'nodeChanged' && event.changes.unschedulable)) &&
    !event.node.isUnschedulable,
};
