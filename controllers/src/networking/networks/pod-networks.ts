/** Pure: which Networks a pod has joined, or is about to. */
import type { Pod } from '@slipway/api/types';

const statusAnnotation = 'k8s.v1.cni.cncf.io/network-status';
const requestAnnotations = [
  'k8s.v1.cni.cncf.io/networks',
  'slipway.dev/default-network',
  'v1.multus-cni.io/default-network',
];

/** As its node's agent says; before that, what it asks for. Names with a namespace are those of attachment definitions. */
export function networksOfPod({ metadata, spec, status }: Pod): readonly string[] {
  const annotations = metadata.annotations;
  if (!annotations || !spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  const told = annotations[statusAnnotation];
  const texts = told === undefined ? requestAnnotations.map((name) => annotations[name]) : [told];
  const names = texts.flatMap((text) => (text ? namesIn(text) : []));
  return [...new Set(names.filter((name) => !name.includes('/')))];
}

/** Malformed text names nothing: the agent refuses such a pod. */
function namesIn(text: string): readonly string[] {
  const trimmed = text.trim();
  if (!trimmed.startsWith('[') && !trimmed.startsWith('{')) {
    return trimmed.split(',').map((each) => each.trim().replace(/@.*$/, ''));
  }
  try {
    const parsed: unknown = JSON.parse(trimmed);
    return (Array.isArray(parsed) ? parsed : [parsed]).flatMap((each) => {
      const { name, namespace } = (each ?? {}) as { readonly name?: unknown; readonly namespace?: unknown };
      return typeof name === 'string' && namespace === undefined ? [name] : [];
    });
  } catch {
    return [];
  }
}
