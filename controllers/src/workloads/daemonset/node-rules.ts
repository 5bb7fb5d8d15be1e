/**
 * Which nodes a DaemonSet wants. The rules of a template are compiled once and asked once per version of a node: a cluster
 * of thousands of nodes is looked at for every pod that starts, while nodes hardly ever change.
 */
import type { DaemonSet, Node, PodSpec, Toleration } from '@slipway/api/types';
import { isHardTaint, isTolerated } from '../../scheduler/filters/tolerations.ts';
import { selectionOfNodes } from '../../scheduler/pods/matchers.ts';

/** `runs`: a pod belongs there. `stays`: none is put there, but one that runs goes on (a taint that only keeps new pods away). */
export type Eligibility = 'runs' | 'stays' | 'no';

type Rule = (node: Node) => Eligibility;

/** Rules that are kept: more than a cluster has DaemonSets. */
const rulesMax = 1000;

export class NodeRules {
  readonly #rules = new Map<string, Rule>();

  of(set: DaemonSet): Rule {
    const { nodeName, nodeSelector, affinity, tolerations, hostNetwork } = set.spec.template.spec ?? {};
    const key = JSON.stringify([nodeName, nodeSelector, affinity?.nodeAffinity, tolerations, hostNetwork]);
    const known = this.#rules.get(key);
    if (known) return known;
    const rule = remembering(ruleOf(set.spec.template.spec));
    if (this.#rules.size >= rulesMax) this.#rules.clear();
    this.#rules.set(key, rule);
    return rule;
  }
}

function ruleOf(spec: PodSpec | undefined): Rule {
  const { nodeName, nodeSelector, affinity } = spec ?? {};
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const selection = selectionOfNodes(nodeSelector, terms);
  const tolerations = daemonTolerations(spec);
  return (node) => {
    if (nodeName && nodeName !== node.metadata.name) return 'no';
    const { name = '', labels = {} } = node.metadata;
    if (selection && !selection.matches({ name, labels })) return 'no';
    const untolerated = (node.spec.taints ?? []).filter(
      (taint) => isHardTaint(taint) && !isTolerated(taint, tolerations),
    );
    if (untolerated.length === 0) return 'runs';
    return untolerated.some(({ effect }) => effect === 'NoExecute') ? 'no' : 'stays';
  };
}

function remembering(rule: Rule): Rule {
  const known = new WeakMap<Node, Eligibility>();
  return (node) => {
    let eligibility = known.get(node);
    if (eligibility === undefined) {
      eligibility = rule(node);
      known.set(node, eligibility);
    }
    return eligibility;
  };
}

const tolerate = (name: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect,
});

/** What keeps other pods away from a node does not keep its daemons away. */
const always = [
  tolerate('not-ready', 'NoExecute'),
  tolerate('unreachable', 'NoExecute'),
  tolerate('disk-pressure', 'NoSchedule'),
  tolerate('memory-pressure', 'NoSchedule'),
  tolerate('pid-pressure', 'NoSchedule'),
  tolerate('unschedulable', 'NoSchedule'),
];
const onHostNetwork = tolerate('network-unavailable', 'NoSchedule');

/** The template's own tolerations and those of every daemon. */
export function daemonTolerations(spec: PodSpec | undefined): Toleration[] {
  const own = spec?.tolerations ?? [];
  const added = spec?.hostNetwork ? [...always, onHostNetwork] : always;
  const isThere = ({ key, effect }: Toleration) =>
    own.some(
      (toleration) => toleration.key === key && toleration.effect === effect && toleration.operator === 'Exists',
    );
  return [...own, ...added.filter((toleration) => !isThere(toleration))];
}

/** Whether a change of a node can matter to any DaemonSet: its status, which changes all the time, does not. */
export function sameForDaemons(before: Node, after: Node): boolean {
  return (
    JSON.stringify(before.metadata.labels) === JSON.stringify(after.metadata.labels) &&
    JSON.stringify(before.spec.taints) === JSON.stringify(after.spec.taints)
  );
}
