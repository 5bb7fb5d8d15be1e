import type { KubeObject, Node } from '@slipway/api/types';
import { type Kind, kinds } from '@slipway/client/kinds';
import {
  cronJob,
  daemonSet,
  deployment,
  disruptionBudget,
  job,
  ownedConfigMap,
  pod,
  quota,
  replicaSet,
  service,
  statefulSet,
} from './manifests.ts';
import { kindOf } from './simulated-kinds.ts';
import { namespaces, type User } from './user.ts';

/** Something that a user does. Rejects when the server, or the network, does not let it. */
export interface Operation {
  readonly name: string;
  readonly weight: number;
  /** The controller without which it would have no effect. */
  readonly needs?: string;
  run(user: User): Promise<void>;
}

const budgets = kindOf('policy', 'poddisruptionbudgets');
const statefulSets = kindOf('apps', 'statefulsets');
const daemonSets = kindOf('apps', 'daemonsets');
const jobs = kindOf('batch', 'jobs');
const cronJobs = kindOf('batch', 'cronjobs');

/** Everything that users do, and how often in comparison. */
export const operations: readonly Operation[] = [
  {
    name: 'create deployment',
    weight: 10,
    run: (u) => u.create(kinds.deployments, deployment(u.place('d'), u.chance)),
  },
  { name: 'create replicaset', weight: 4, run: (u) => u.create(kinds.replicaSets, replicaSet(u.place('r'), u.chance)) },
  { name: 'create service', weight: 4, run: (u) => u.create(kinds.services, service(u.place('d'), u.chance)) },
  {
    name: 'create pod',
    weight: 2,
    run: (u) => u.create(kinds.pods, pod({ ...u.place('p'), name: `p-${u.next()}` }, u.chance)),
  },
  { name: 'scale deployment', weight: 10, run: (u) => scale(u, kinds.deployments, 7) },
  { name: 'scale replicaset', weight: 4, run: (u) => scale(u, kinds.replicaSets, 6) },
  { name: 'new image', weight: 8, run: (u) => newImage(u, kinds.deployments) },
  { name: 'delete deployment', weight: 3, run: (u) => removeAny(u, kinds.deployments) },
  { name: 'delete replicaset', weight: 2, run: (u) => removeAny(u, kinds.replicaSets) },
  { name: 'delete service', weight: 2, run: (u) => removeAny(u, kinds.services) },
  { name: 'delete pod', weight: 4, run: (u) => removeAny(u, kinds.pods) },
  { name: 'create configmap', weight: 5, run: makeOwned },
  { name: 'create namespace', weight: 3, run: createNamespace },
  { name: 'delete namespace', weight: 1, run: deleteNamespace },
  { name: 'create quota', weight: 1, run: (u) => u.create(kinds.resourceQuotas, quota(u.place(''), u.chance)) },
  { name: 'delete quota', weight: 2, run: (u) => removeAny(u, kinds.resourceQuotas) },
  { name: 'cordon', weight: 2, run: (u) => changeNode(u, { unschedulable: true }) },
  { name: 'uncordon', weight: 3, run: (u) => changeNode(u, { unschedulable: null, taints: null }) },
  { name: 'taint', weight: 1, run: taint },
  {
    name: 'create budget',
    weight: 5,
    needs: 'disruption',
    run: makeBudget,
  },
  { name: 'delete budget', weight: 1, needs: 'disruption', run: (u) => removeAny(u, budgets) },
  { name: 'drain', weight: 5, needs: 'disruption', run: drain },
  { name: 'evict', weight: 6, needs: 'disruption', run: evictAny },
  {
    name: 'create statefulset',
    weight: 4,
    needs: 'statefulset',
    run: (u) => u.create(statefulSets, statefulSet(u.place('s'), u.chance)),
  },
  { name: 'scale statefulset', weight: 4, needs: 'statefulset', run: (u) => scale(u, statefulSets, 5) },
  { name: 'new statefulset image', weight: 3, needs: 'statefulset', run: (u) => newImage(u, statefulSets) },
  { name: 'delete statefulset', weight: 1, needs: 'statefulset', run: (u) => removeAny(u, statefulSets) },
  {
    name: 'create daemonset',
    weight: 2,
    needs: 'daemonset',
    run: (u) => u.create(daemonSets, daemonSet(u.place('a'), u.chance)),
  },
  { name: 'new daemonset image', weight: 2, needs: 'daemonset', run: (u) => newImage(u, daemonSets) },
  { name: 'delete daemonset', weight: 1, needs: 'daemonset', run: (u) => removeAny(u, daemonSets) },
  {
    name: 'create job',
    weight: 5,
    needs: 'job',
    run: (u) => u.create(jobs, job({ ...u.place('j'), name: `j-${u.next()}` }, u.chance)),
  },
  { name: 'delete job', weight: 1, needs: 'job', run: (u) => removeAny(u, jobs) },
  {
    name: 'create cronjob',
    weight: 1,
    needs: 'cronjob',
    run: (u) => u.create(cronJobs, cronJob(u.place('c'), u.chance)),
  },
  { name: 'delete cronjob', weight: 1, needs: 'cronjob', run: (u) => removeAny(u, cronJobs) },
];

async function scale(user: User, kind: Kind, most: number): Promise<void> {
  const found = await user.any(kind, isNobodys);
  if (found) await user.patch(kind, found, { spec: { replicas: user.chance.between(0, most) } });
}

async function newImage(user: User, kind: Kind): Promise<void> {
  const found = await user.any(kind, isNobodys);
  const image = `example/new:${user.next()}`;
  const patch = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: image }];
  const { namespace, name = '' } = found?.metadata ?? {};
  if (found) await user.client.patch(kind, { namespace, name }, patch, { signal: user.signal, type: 'json' });
}

async function removeAny(user: User, kind: Kind): Promise<void> {
  const found = await user.any(kind, ({ metadata }) => !metadata.deletionTimestamp && metadata.name !== 'kubernetes');
  if (found) await user.remove(kind, found);
}

function isNobodys({ metadata }: KubeObject): boolean {
  return !metadata.ownerReferences?.length && !metadata.deletionTimestamp;
}

async function makeOwned(user: User): Promise<void> {
  const kind: Kind = user.chance.strikes(0.5) ? kinds.deployments : kinds.services;
  const owner = await user.any(kind);
  if (!owner) return;
  const place = { namespace: owner.metadata.namespace ?? '', name: 'owned' };
  await user.create(kinds.configMaps, ownedConfigMap(place, owner, user.next()));
}

async function createNamespace(user: User): Promise<void> {
  const name = user.chance.pick(namespaces) ?? '';
  await user.create(kinds.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

async function deleteNamespace(user: User): Promise<void> {
  const name = user.chance.pick(namespaces.slice(1)) ?? '';
  await user.remove(kinds.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

/** For something that is there. */
async function makeBudget(user: User): Promise<void> {
  const kind: Kind = user.chance.strikes(0.7) ? kinds.deployments : statefulSets;
  const { namespace = '', name = '' } = (await user.any(kind))?.metadata ?? {};
  if (name) await user.create(budgets, disruptionBudget({ namespace, name }, user.chance));
}

async function evictAny(user: User): Promise<void> {
  const found = await user.any(kinds.pods, ({ metadata }) => !metadata.deletionTimestamp);
  if (found) await user.evict(found);
}

/** All pods of a node at once, as `kubectl drain` does. */
async function drain(user: User): Promise<void> {
  const node = await anyNode(user);
  const { items } = await user.client.list(kinds.pods, { signal: user.signal });
  const there = items.filter(({ spec }) => spec.nodeName === node?.metadata.name);
  await Promise.allSettled(there.map((each) => user.evict(each)));
}

async function changeNode(user: User, spec: Readonly<Record<string, unknown>>): Promise<void> {
  const node = await anyNode(user);
  if (node) await user.patch(kinds.nodes, node, { spec });
}

/** A merge patch replaces the list, and with it the taints of controllers, who then put theirs back. */
async function taint(user: User): Promise<void> {
  const effect = user.chance.pick(['NoSchedule', 'NoExecute']);
  await changeNode(user, { taints: [{ key: 'trouble', effect }] });
}

async function anyNode(user: User): Promise<Node | undefined> {
  const { items } = await user.client.list(kinds.nodes, { signal: user.signal });
  return user.chance.pick(items);
}
