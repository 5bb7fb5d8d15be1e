/**
 * Pure: which selectors need be asked about a group of pods. A selector is filed under its anchors: values of one label that the pods
 * (or else their namespace) must have. A group looks up its own labels and finds every selector that can mean it, and few others.
 */
import type { LabelMatcher, Labels } from '@slipway/api/selector';
import type { PeerSelector } from './peer-selector.ts';

/** A group must have at least one of them. */
export function anchorsOf({ namespace, namespaces, pods }: PeerSelector): readonly string[] {
  const scope = namespace === undefined ? anyNamespace : `namespace=${namespace}`;
  const values = valuesRequired(pods);
  if (values) return values.map((each) => `${scope} pod ${each}`);
  const ofNamespace = namespaces && valuesRequired(namespaces);
  if (ofNamespace) return ofNamespace.map((each) => `${scope} namespace ${each}`);
  return [scope];
}

export function anchorsOfGroup(
  group: { readonly namespace: string; readonly labels: Labels },
  labelsOfNamespace: Labels | undefined,
): readonly string[] {
  const own = `namespace=${group.namespace}`;
  const anchors = [own, anyNamespace];
  for (const [key, value] of Object.entries(group.labels)) {
    anchors.push(`${own} pod ${key}=${value}`, `${anyNamespace} pod ${key}=${value}`);
  }
  for (const [key, value] of Object.entries(labelsOfNamespace ?? {})) {
    anchors.push(`${anyNamespace} namespace ${key}=${value}`);
  }
  return anchors;
}

const anyNamespace = 'any';

/** `app=web` for each value that the first label with such a demand may have. */
function valuesRequired({ requirements }: LabelMatcher): readonly string[] | undefined {
  const demand = requirements.find(({ operator }) => operator === '=' || operator === '==' || operator === 'in');
  return demand?.values.map((value) => `${demand.key}=${value}`);
}
