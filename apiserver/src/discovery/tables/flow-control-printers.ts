import type { FlowSchema, PriorityLevelConfiguration } from '@slipway/api/types';
import { age, nameOf } from './cells.ts';
import { definePrinter } from './printer.ts';

export const flowSchemaPrinter = definePrinter<FlowSchema>(
  ['Name', 'PriorityLevel', 'MatchingPrecedence', 'DistinguisherMethod', 'Age', 'MissingPL'],
  (schema, nowMs) => {
    const { priorityLevelConfiguration, matchingPrecedence, distinguisherMethod } = schema.spec;
    const dangling = schema.status?.conditions?.find(({ type }) => type === 'Dangling');
    return [
      nameOf(schema),
      priorityLevelConfiguration.name,
      String(matchingPrecedence ?? 0),
      distinguisherMethod?.type ?? '<none>',
      age(schema, nowMs),
      dangling?.status ?? '?',
    ];
  },
);

export const priorityLevelPrinter = definePrinter<PriorityLevelConfiguration>(
  ['Name', 'Type', 'NominalConcurrencyShares', 'Queues', 'HandSize', 'QueueLengthLimit', 'Age'],
  (level, nowMs) => {
    const { type, limited, exempt } = level.spec;
    const queuing = limited?.limitResponse?.queuing;
    const shares = limited?.nominalConcurrencyShares ?? exempt?.nominalConcurrencyShares;
    return [
      nameOf(level),
      type,
      String(shares ?? '<none>'),
      String(queuing?.queues ?? '<none>'),
      String(queuing?.handSize ?? '<none>'),
      String(queuing?.queueLengthLimit ?? '<none>'),
      age(level, nowMs),
    ];
  },
);
