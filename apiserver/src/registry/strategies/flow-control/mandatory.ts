/** What flow control cannot do without: the objects that have to be as they are wherever they are, as upstream fixes them. */
import type { FlowSchemaSpec, PriorityLevelConfigurationSpec } from '@slipway/api/types';

/** The schema that is looked at before all others, and the level of requests that never wait. */
export const exemptName = 'exempt';
/** The schema that is looked at after all others, and its level. */
const lastName = 'catch-all';

function everythingOf(...groups: readonly string[]): NonNullable<FlowSchemaSpec['rules']> {
  const all = ['*'];
  return [
    {
      subjects: groups.map((name) => ({ kind: 'Group', group: { name } })),
      resourceRules: [{ verbs: all, apiGroups: all, resources: all, clusterScope: true, namespaces: all }],
      nonResourceRules: [{ verbs: all, nonResourceURLs: all }],
    },
  ];
}

export const mandatorySchemas: ReadonlyMap<string, FlowSchemaSpec> = new Map([
  [
    exemptName,
    {
      matchingPrecedence: 1,
      priorityLevelConfiguration: { name: exemptName },
      rules: everythingOf('system:masters'),
    },
  ],
  [
    lastName,
    {
      matchingPrecedence: 10_000,
      priorityLevelConfiguration: { name: lastName },
      distinguisherMethod: { type: 'ByUser' },
      rules: everythingOf('system:unauthenticated', 'system:authenticated'),
    },
  ],
]);

export const mandatoryLevels: ReadonlyMap<string, PriorityLevelConfigurationSpec> = new Map([
  [exemptName, { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }],
  [
    lastName,
    {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
    },
  ],
]);
