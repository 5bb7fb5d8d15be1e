import type { Container, LimitRangeItem, Pod } from '@slipway/api/types';

const annotation = 'kubernetes.io/limit-ranger';

/** Fills in what containers neither request nor limit, and writes on the pod what was filled in. */
export function setDefaultResources(pod: Pod, limits: readonly LimitRangeItem[]): void {
  const ofContainers = limits.filter(({ type }) => type === 'Container');
  const requests = merged(ofContainers.map(({ defaultRequest }) => defaultRequest));
  const defaults = merged(ofContainers.map((item) => item.default));
  const notes: string[] = [];
  const fill = (containers: readonly Container[] | undefined, what: string) => {
    for (const container of containers ?? []) {
      const label = `for ${what} ${container.name}`;
      for (const [side, values] of [['requests', requests] as const, ['limits', defaults] as const]) {
        const set = setMissing(container, side, values);
        if (set.length > 0) notes.push(`${set.join(', ')} ${side === 'requests' ? 'request' : 'limit'} ${label}`);
      }
    }
  };
  fill(pod.spec.containers, 'container');
  fill(pod.spec.initContainers, 'init container');
  if (notes.length === 0) return;
  const text = `LimitRanger plugin set: ${notes.join('; ')}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [annotation]: text };
}

type List = Readonly<Record<string, string>>;

/** Of several LimitRanges the first that names a resource. */
function merged(lists: readonly (List | undefined)[]): List {
  return Object.assign({}, ...lists.toReversed()) as List;
}

function setMissing(container: Container, side: 'requests' | 'limits', values: List): string[] {
  const present = container.resources?.[side];
  const missing = Object.keys(values).filter((name) => present?.[name] === undefined);
  if (missing.length === 0) return [];
  const added = Object.fromEntries(missing.map((name) => [name, values[name] ?? '']));
  container.resources = { ...container.resources, [side]: { ...present, ...added } };
  return missing.sort();
}
