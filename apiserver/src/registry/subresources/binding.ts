import type { Binding, KubeObject, Pod } from '@slipway/api/types';
import { invalidError, notSupported, required } from '@slipway/api/validation/field-error';
import { formatTime } from '@slipway/kit/clock';
import type { ResourceStore } from '../resource-store.ts';
import { badRequest, conflict } from '../status-errors.ts';
import type { UpdateTarget } from '../update-object.ts';
import type { WriteCall } from '../write-call.ts';

/** Puts the pod on a node, once. Throws StatusError Conflict when it is on one already or on its way out. */
export async function bindPod(
  store: ResourceStore,
  target: UpdateTarget,
  object: KubeObject,
  call: WriteCall,
): Promise<void> {
  const binding = object as Binding;
  const node = nodeOf(binding);
  const { name, uid, resourceVersion, annotations, labels } = binding.metadata ?? {};
  if (name && name !== target.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  }
  const nowMs = store.nowMs();
  const change = (old: KubeObject) => {
    const pod = old as Pod;
    const refused = refusal(pod, node);
    if (refused) throw conflict({ group: '', resource: 'pods/binding' }, target.name, refused);
    return boundPod(pod, { node, nowMs, annotations: annotations ?? {}, labels: labels ?? {} });
  };
  await store.update({ ...target, endpoint: 'binding', preconditions: { uid, resourceVersion } }, change, call);
}

function nodeOf({ target = {}, metadata }: Partial<Binding>): string {
  if (target.kind && target.kind !== 'Node') {
    throw invalidError('Binding', '', metadata?.name ?? '', [
      notSupported('target.kind', target.kind, ['Node', '<empty>']),
    ]);
  }
  if (target.name) return target.name;
  throw invalidError('Binding', '', metadata?.name ?? '', [required('target.name')]);
}

function refusal({ metadata, spec }: Pod, node: string): string | undefined {
  if (metadata.deletionTimestamp !== undefined) {
    return `pod ${metadata.name} is being deleted, cannot be assigned to a host`;
  }
  if (spec.nodeName) return `pod ${metadata.name} is already assigned to node ${JSON.stringify(spec.nodeName)}`;
  if (spec.schedulingGates?.length) return `pod ${metadata.name} has non-empty .spec.schedulingGates`;
  return node === '' ? 'no node is named' : undefined;
}

interface Bound {
  readonly node: string;
  readonly nowMs: number;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** Shares with the old pod what it does not change. */
function boundPod(pod: Pod, { node, nowMs, annotations, labels }: Bound): Pod {
  const { resourceVersion: _, ...metadata } = pod.metadata;
  // Where it was to go is of no more interest.
  const { nominatedNodeName: __, ...status } = pod.status ?? {};
  const conditions = (status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  return {
    ...pod,
    metadata: {
      ...metadata,
      ...(Object.keys(annotations).length > 0 ? { annotations: { ...metadata.annotations, ...annotations } } : {}),
      ...(Object.keys(labels).length > 0 ? { labels: { ...metadata.labels, ...labels } } : {}),
    },
    spec: { ...pod.spec, nodeName: node },
    status: {
      ...status,
      conditions: [...conditions, { type: 'PodScheduled', status: 'True', lastTransitionTime: formatTime(nowMs) }],
    },
  };
}
