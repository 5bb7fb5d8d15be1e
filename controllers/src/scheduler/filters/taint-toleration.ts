import { type Filter, rejection } from '../cycle/filter.ts';
import { hasUntolerated } from './tolerations.ts';

const tainted = rejection('node(s) had untolerated taint(s)', false);

export const taintToleration: Filter = {
  name: 'TaintToleration',
  isLocal: true,
  prepare: ({ demand: { tolerations } }) => ({
    reject: ({ taints }) => (taints.length > 0 && hasUntolerated(taints, tolerations) ? tainted : undefined),
  }),
  mayHelp: ({ demand }, event) =>
    (event.kind === 'nodeAdded' || (event.kind === 'nodeChanged' && event.changes.taints)) &&
    !hasUntolerated(event.node.taints, demand.tolerations),
};
