/** Arguments of plugins. Source: kubescheduler.config.k8s.io/v1, the types named `...Args`. */
import type { LabelSelector, NodeAffinity } from '@slipway/api/types';
import { selectionOfNodes, selectionOfTerms } from '../pods/matchers.ts';
import { spreadConstraintFrom } from '../pods/pod-terms.ts';
import { serviceLabelsOf } from '../scores/default-spread.ts';
import type { Section } from './document.ts';
import { defaultArgs, type FitStrategy, type PluginArgs, type ResourceWeight, type ShapePoint } from './profile.ts';

type Parse = (args: Section) => Partial<PluginArgs>;

const parsers: Readonly<Record<string, Parse>> = {
  DefaultPreemption: (args) => ({
    minCandidateNodesPercentage:
      args.number('minCandidateNodesPercentage', 0, 100) ?? defaultArgs.minCandidateNodesPercentage,
    minCandidateNodesAbsolute:
      args.number('minCandidateNodesAbsolute', 0, 1_000_000) ?? defaultArgs.minCandidateNodesAbsolute,
  }),
  InterPodAffinity: (args) => ({
    hardPodAffinityWeight: args.number('hardPodAffinityWeight', 0, 100) ?? defaultArgs.hardPodAffinityWeight,
    ignorePreferredTermsOfExistingPods: args.flag('ignorePreferredTermsOfExistingPods') ?? false,
  }),
  NodeAffinity: (args) => addedAffinity(args.raw('addedAffinity') as NodeAffinity | undefined),
  NodeResourcesBalancedAllocation: (args) => {
    const resources = resourceWeights(args);
    for (const [i, { weight }] of resources.entries())
      if (weight !== 1) args.fail(`resources[${i}].weight`, 'must be 1');
    return resources.length > 0 ? { balancedResources: resources } : {};
  },
  NodeResourcesFit: (args) => {
    const names = new Set(args.texts('ignoredResources'));
    const groups = new Set(args.texts('ignoredResourceGroups'));
    return {
      isIgnoredResource: (name) => names.has(name) || groups.has(name.split('/', 1)[0] ?? ''),
      ...(args.has('scoringStrategy') ? { fitStrategy: fitStrategy(args.section('scoringStrategy')) } : {}),
    };
  },
  PodTopologySpread: defaultSpread,
};

/** What one entry of `pluginConfig` says. */
export function parsePluginArgs(entry: Section): Partial<PluginArgs> {
  const name = entry.text('name') ?? '';
  const parse = parsers[name];
  if (!parse) {
    entry.fail('name', `arguments of ${JSON.stringify(name)} are not served; ${Object.keys(parsers).join(', ')} are`);
    return {};
  }
  const args = entry.section('args');
  args.raw('apiVersion');
  args.text('kind', [`${name}Args`]);
  const parsed = parse(args);
  args.end();
  entry.end();
  return parsed;
}

function resourceWeights(section: Section): ResourceWeight[] {
  return section.sections('resources').map((resource) => {
    const parsed = { name: resource.text('name') ?? '', weight: resource.number('weight', 1, 100) ?? 1 };
    if (!parsed.name) resource.fail('name', 'must be given');
    resource.end();
    return parsed;
  });
}

const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;

function fitStrategy(section: Section): FitStrategy {
  const type = section.text('type', strategies) as FitStrategy['type'] | undefined;
  const given = resourceWeights(section);
  const resources = given.length > 0 ? given : defaultArgs.fitStrategy.resources;
  const ratio = section.section('requestedToCapacityRatio');
  const shape = ratio.sections('shape').map((point) => ({
    utilization: point.number('utilization', 0, 100) ?? 0,
    score: point.number('score', 0, 10) ?? 0,
  }));
  ratio.end();
  section.end();
  if (type !== 'RequestedToCapacityRatio') return { type: type ?? 'LeastAllocated', resources };
  checkShape(ratio, shape);
  return { type, resources, shape };
}

function checkShape(ratio: Section, shape: readonly ShapePoint[]): void {
  if (shape.length === 0) ratio.fail('shape', 'must have at least one point');
  for (let i = 1; i < shape.length; i++) {
    if ((shape[i]?.utilization ?? 0) <= (shape[i - 1]?.utilization ?? 0))
      ratio.fail(`shape[${i}].utilization`, 'must be more than that of the point before');
  }
}

function addedAffinity(affinity: NodeAffinity | undefined): Partial<PluginArgs> {
  const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return {
    addedNodes: selectionOfNodes(undefined, required),
    addedPreferredNodes: preferred.map(({ weight, preference }) => ({ weight, nodes: selectionOfTerms([preference]) })),
  };
}

/** Labels that tell apart the pods of one owner. */
const ownLabels: ReadonlySet<string> = new Set(['statefulset.kubernetes.io/pod-name', 'apps.kubernetes.io/pod-index']);

function defaultSpread(args: Section): Partial<PluginArgs> {
  const type = args.text('defaultingType', ['List', 'System']);
  const constraints = args.sections('defaultConstraints').map((constraint) => {
    const parsed = {
      topologyKey: constraint.text('topologyKey') ?? '',
      maxSkew: constraint.number('maxSkew', 1, 1_000_000) ?? 1,
      whenUnsatisfiable: constraint.text('whenUnsatisfiable', ['DoNotSchedule', 'ScheduleAnyway']) ?? 'DoNotSchedule',
    };
    if (!parsed.topologyKey) constraint.fail('topologyKey', 'must be given');
    constraint.end();
    return parsed;
  });
  if (type !== 'List') {
    if (constraints.length > 0) args.fail('defaultConstraints', 'need defaultingType: List');
    return {};
  }
  return {
    spreadsByDefault: false,
    defaultConstraintsOf: (pod, cluster) => {
      const { namespace, group, spreadOwner } = pod;
      // What the owner's template says in labels selects its pods.
      const ownerLabels = spreadOwner
        ? Object.fromEntries(Object.entries(group.labels).filter(([key]) => !ownLabels.has(key)))
        : {};
      const matchLabels = { ...serviceLabelsOf(pod, cluster), ...ownerLabels };
      if (Object.keys(matchLabels).length === 0) return [];
      const labelSelector: LabelSelector = { matchLabels };
      return constraints.map((constraint) =>
        spreadConstraintFrom({ ...constraint, labelSelector }, namespace, group.labels),
      );
    },
  };
}
