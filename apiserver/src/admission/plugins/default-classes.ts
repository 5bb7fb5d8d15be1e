import type { KubeObject } from '@slipway/api/types';
import { Derived } from '../derived.ts';

/** The class of a kind that is marked as everybody's: the youngest one, by name among those of one second. */
export function defaultClass(
  resource: { readonly group: string; readonly resource: string },
  annotations: readonly string[],
): Derived<{ readonly name: string | undefined }> {
  return new Derived(resource, (objects) => {
    const marked = [...objects].filter(({ metadata }) =>
      annotations.some((name) => metadata.annotations?.[name] === 'true'),
    );
    return { name: marked.sort(byAge)[0]?.metadata.name };
  });
}

function byAge({ metadata: a }: KubeObject, { metadata: b }: KubeObject): number {
  const age = (b.creationTimestamp ?? '').localeCompare(a.creationTimestamp ?? '');
  return age !== 0 ? age : (a.name ?? '').localeCompare(b.name ?? '');
}
