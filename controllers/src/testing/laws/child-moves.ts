/** What happens to the children of any controller: others delete, copy, relabel and disown them. */
import type { KubeObject, Pod } from '@slipway/api/types';
import { type Kind, keyOf, kindId, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { ControllerLaws, Move } from './controller-laws.ts';
import type { MemoryServer } from './memory-server.ts';

/** The object that a dice points at; undefined in an empty list. */
export function pick<T>(list: readonly T[], dice: number): T | undefined {
  return list.length === 0 ? undefined : list[dice % list.length];
}

export function childMoves({ primary, children = [] }: ControllerLaws): Record<string, Move> {
  const anyChild = (server: MemoryServer, dice: number) => {
    const kind = pick(children, dice) as Kind;
    const object = pick(server.list(kind), Math.floor(dice / 7));
    return object && { kind, object };
  };
  const onChild =
    (change: (server: MemoryServer, kind: Kind, child: KubeObject, dice: number) => void): Move =>
    (server, dice) => {
      const found = anyChild(server, dice);
      if (found) change(server, found.kind, found.object, dice);
    };
  return {
    ...(primary ? primaryMoves(primary) : {}),
    ...(children.length > 0
      ? {
          'a child is deleted': onChild((server, kind, child) => server.delete(kind, keyOf(child))),
          'a child is copied for somebody else': onChild((server, kind, child) =>
            copy(server, kind, child, { ownerReferences: [stranger] }),
          ),
          'a child is copied without an owner': onChild((server, kind, child) => copy(server, kind, child, {})),
          'a child loses its labels': onChild((server, kind, child) => change(server, kind, child, { labels: {} })),
          'a child is disowned': onChild((server, kind, child) => change(server, kind, child, { ownerReferences: [] })),
        }
      : {}),
    ...(children.some((kind) => kindId(kind) === kindId(kinds.pods)) ? podMoves : {}),
  };
}

function primaryMoves(primary: Kind): Record<string, Move> {
  const onPrimary =
    (act: (server: MemoryServer, object: KubeObject) => void): Move =>
    (server, dice) => {
      const object = pick(server.list(primary), dice);
      if (object) act(server, object);
    };
  return {
    'an object is annotated': onPrimary((server, object) =>
      change(server, primary, object, { annotations: { ...object.metadata.annotations, seen: String(server.nowMs) } }),
    ),
    'an object is deleted': onPrimary((server, object) => server.delete(primary, keyOf(object))),
    'an object is deleted in the foreground': onPrimary((server, object) =>
      server.delete(primary, keyOf(object), { propagationPolicy: 'Foreground' }),
    ),
  };
}

/** As node agents and the scheduler see pods through their lives. */
export const podMoves: Readonly<Record<string, Move>> = {
  'a pod becomes ready': (server, dice) => setPod(server, dice, 'Running', true),
  'a pod stops being ready': (server, dice) => setPod(server, dice, 'Running', false),
  'a pod fails': (server, dice) => setPod(server, dice, 'Failed', false),
  'a pod succeeds': (server, dice) => setPod(server, dice, 'Succeeded', false),
  'all pods become ready': (server) => {
    for (const pod of server.list(kinds.pods)) setPodTo(server, pod, 'Running', true);
  },
  'the agents end pods that are deleted': (server) => {
    for (const pod of server.list(kinds.pods)) {
      if (pod.metadata.deletionTimestamp) server.delete(kinds.pods, keyOf(pod), { gracePeriodSeconds: 0 });
    }
  },
};

function setPod(server: MemoryServer, dice: number, phase: string, ready: boolean): void {
  const pod = pick(server.list(kinds.pods), dice);
  if (pod) setPodTo(server, pod, phase, ready);
}

/** A pod that ended stays as it is. Setting one to work puts it on a node, if none has it yet. */
function setPodTo(server: MemoryServer, pod: Pod, phase: string, ready: boolean): void {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return;
  const now = formatTime(server.nowMs);
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'Ready');
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: now };
  server.put(kinds.pods, {
    ...pod,
    spec: { ...pod.spec, nodeName: pod.spec.nodeName ?? 'n0' },
    status: {
      ...pod.status,
      phase,
      podIP: '10.64.0.7',
      podIPs: [{ ip: '10.64.0.7' }],
      conditions: [...others, condition],
    },
  });
}

/** A controller that does not exist here. */
export const stranger = {
  apiVersion: 'example.com/v1',
  kind: 'Stranger',
  name: 's',
  uid: 'stranger',
  controller: true,
};

/** Puts metadata in place of what is there. */
export function change(server: MemoryServer, kind: Kind, object: KubeObject, metadata: KubeObject['metadata']): void {
  server.put(kind, { ...object, metadata: { ...object.metadata, ...metadata } });
}

function copy(server: MemoryServer, kind: Kind, object: KubeObject, metadata: KubeObject['metadata']): void {
  const { namespace, name, labels, annotations } = object.metadata;
  const copied = `${name?.slice(0, 20)}-copy-${server.list(kind).length}`;
  if (server.list(kind).some((other) => other.metadata.name === copied)) return;
  server.put(kind, {
    ...object,
    metadata: {
      ...(namespace ? { namespace } : {}),
      name: copied,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...metadata,
    },
  });
}
