import { type Filter, rejection } from '../cycle/filter.ts';

const unwanted = rejection("node(s) didn't match Pod's node affinity/selector", false);
const unwantedByProfile = rejection("node(s) didn't match scheduler-enforced node affinity", false);

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  isLocal: true,
  prepare: ({ demand }, { indexes }, { addedNodes }) => {
    if (!demand.nodes && !addedNodes) return undefined;
    const isAdded = addedNodes && indexes.selector(addedNodes);
    const isWanted = demand.nodes && indexes.selector(demand.nodes);
    return {
      reject: (node) => {
        if (isAdded && !isAdded(node)) return unwantedByProfile;
        return isWanted && !isWanted(node) ? unwanted : undefined;
      },
    };
  },
  mayHelp: ({ demand }, event, _cluster, { addedNodes }) =>
    (event.kind === 'nodeAdded' || (event.kind === 'nodeChanged' && event.changes.labels)) &&
    (demand.nodes?.matches(event.node) ?? true) &&
    (addedNodes?.matches(event.node) ?? true),
};
