import type { KubeObject } from '@slipway/api/types';
import type { ObjectView } from './object-view.ts';

/** core/v1 → events.k8s.io/v1; what is not named here is called the same in both. */
const fieldNames: readonly (readonly [stored: string, served: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];

const toServedNames = new Map(fieldNames);
const toStoredNames = new Map(fieldNames.map(([stored, served]) => [served, stored] as const));

export const eventsView: ObjectView = {
  toServed: (stored) => renamed(stored, 'events.k8s.io/v1', toServedNames),
  toStored: (served) => renamed(served, 'v1', toStoredNames),
};

function renamed(object: KubeObject, apiVersion: string, names: ReadonlyMap<string, string>): KubeObject {
  const fields = Object.entries(object).map(([name, value]) => [names.get(name) ?? name, value] as const);
  return { ...Object.fromEntries(fields), kind: object.kind, apiVersion, metadata: object.metadata };
}
