/** Where a task may run, in the scheduler's words. Pure. */
import type { CapacityProvider, Task } from '@slipway/api/ecs/kinds';
import { labelValueFrom } from '@slipway/api/ecs/names';
import type { PlacementStrategy } from '@slipway/api/ecs/generated/types';
import { formatPlacement, placementAnnotation, type PlacementWish } from '@slipway/api/placement-wishes';
import type { PodSpec, TopologySpreadConstraint } from '@slipway/api/types';
import { bothQueries, labelOf, parseQuery, type Query } from '@slipway/api/ecs/cluster-query';
import type { EffectiveDefinition } from './effective-definition.ts';

export const groupLabel = 'slipway.dev/ecs-group';
/** On nodes: the capacity provider that they belong to, where it has no selector of its own. */
export const capacityProviderLabel = 'slipway.dev/ecs-capacity-provider';
const hostnameLabel = 'kubernetes.io/hostname';

export interface Placement {
  /** The group of the task, by which it is spread and kept apart. */
  readonly group: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Pick<PodSpec, 'affinity' | 'topologySpreadConstraints'>;
}

/** What ECS does with the tasks of a service that has no strategy of its own. */
const serviceDefault: readonly PlacementStrategy[] = [
  { type: 'spread', field: 'attribute:ecs.availability-zone' },
  { type: 'spread', field: 'instanceId' },
];

/** Throws `QueryError` when an expression is none. */
export function placementOf(
  task: Task,
  definition: EffectiveDefinition,
  provider: CapacityProvider | undefined,
): Placement {
  const { containerInstance, placementConstraints = [], serviceName } = task.spec;
  const { placementStrategy = serviceName && !containerInstance ? serviceDefault : [] } = task.spec;
  const group = groupOf(task, definition);
  const constraints = [...placementConstraints, ...(definition.placementConstraints ?? [])];
  const nodes = [
    ...constraints.flatMap(({ type, expression }) =>
      type === 'memberOf' && expression ? [parseQuery(expression)] : [],
    ),
    ...(containerInstance ? [onNode(containerInstance)] : []),
    ...(provider ? [ofProvider(provider)] : []),
  ].reduce(bothQueries, []);
  const isDistinct = placementConstraints.some(({ type }) => type === 'distinctInstance');
  const matchLabels = { [groupLabel]: labelValueFrom(group) };
  const spread = placementStrategy.flatMap((strategy) => spreadOf(strategy, matchLabels));
  const wishes = placementStrategy.flatMap(wishOf);
  return {
    group,
    annotations: wishes.length > 0 ? { [placementAnnotation]: formatPlacement([...new Set(wishes)]) } : {},
    spec: {
      ...(nodes.length > 0 || isDistinct
        ? {
            affinity: {
              ...(nodes.length > 0
                ? {
                    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [...nodes] } },
                  }
                : {}),
              ...(isDistinct
                ? {
                    podAntiAffinity: {
                      requiredDuringSchedulingIgnoredDuringExecution: [
                        { labelSelector: { matchLabels }, topologyKey: hostnameLabel },
                      ],
                    },
                  }
                : {}),
            },
          }
        : {}),
      ...(spread.length > 0 ? { topologySpreadConstraints: spread } : {}),
    },
  };
}

/** `family:NAME` unless the caller named another one. */
export function groupOf({ spec }: Task, { family }: Pick<EffectiveDefinition, 'family'>): string {
  return spec.group ?? `family:${family}`;
}

function onNode(name: string): Query {
  return [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }];
}

function ofProvider({ metadata, spec }: CapacityProvider): Query {
  const { name = '' } = metadata;
  const labels = Object.entries(spec?.nodeSelector ?? { [capacityProviderLabel]: name });
  return [{ matchExpressions: labels.map(([key, value]) => ({ key, operator: 'In', values: [value] })) }];
}

function wishOf({ type, field }: PlacementStrategy): PlacementWish[] {
  if (type === 'spread' || type === 'random') return [type];
  return type === 'binpack' ? [field?.toLowerCase() === 'cpu' ? 'binpack:cpu' : 'binpack:memory'] : [];
}

/** ECS prefers to spread and never insists on it. */
function spreadOf(
  { type, field }: PlacementStrategy,
  matchLabels: Readonly<Record<string, string>>,
): TopologySpreadConstraint[] {
  if (type !== 'spread') return [];
  const topologyKey = field?.startsWith('attribute:') ? labelOf(field.slice('attribute:'.length)) : hostnameLabel;
  return [{ maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels } }];
}
