/**
 * What controllers may never do, at any revision. They decide on what they have seen, and what they see may be late: so bounds are
 * taken over everything that an object said within that time. A pod whose maker ended before it was told that it exists is not
 * counted against them: its request may arrive when the successor has looked already, and nobody is left to know of it.
 */
import type { Deployment, KubeObject, Pod, ReplicaSet } from '@slipway/api/types';
import type { LedgerChange } from '../ledger.ts';
import { isTerminal } from '../parts/pod-on-node.ts';
import type { World } from '../world.ts';
import type { Checker } from './checker.ts';
import { History } from './history.ts';
import { isControlledBy } from './replicas.ts';

/** How old what a controller acts on can be: a watch that was partitioned, and the pause before it tries again. */
const staleMs = 120_000;

interface Bound {
  readonly least: number;
  readonly most: number;
}

export function bounds(): Checker {
  const replicaSets = new History<Bound>();
  const deployments = new History<Bound>();
  return {
    name: 'bounds',
    changed: (change, world) => {
      const uid = change.object.metadata.uid ?? '';
      if (change.resource === 'apps/deployments')
        deployments.say(uid, deploymentBounds(change.object as Deployment), world.clock);
      if (change.resource === 'apps/replicasets') {
        const wanted = (change.object as ReplicaSet).spec?.replicas ?? 1;
        replicaSets.say(uid, { least: wanted, most: wanted }, world.clock);
        return rolloutProblem(change, world, deployments);
      }
      if (change.resource === 'core/pods' && !change.before && change.type === 'put') {
        return tooManyPods(change, world, replicaSets);
      }
      return undefined;
    },
  };
}

/** The widest bound that was said within the time that a controller may be behind. */
function widest(by: History<Bound>, uid: string, { clock }: World): Bound | undefined {
  const within = by.within(uid, staleMs, clock);
  if (within.length === 0) return undefined;
  return {
    least: Math.min(...within.map(({ least }) => least)),
    most: Math.max(...within.map(({ most }) => most)),
  };
}

function deploymentBounds({ spec }: Deployment): Bound {
  const wanted = spec.replicas ?? 1;
  if (spec.strategy?.type === 'Recreate') return { least: 0, most: wanted };
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec.strategy?.rollingUpdate ?? {};
  const surge = part(maxSurge, wanted, Math.ceil);
  const missing = part(maxUnavailable, wanted, Math.floor);
  return { least: wanted - Math.max(missing, surge === 0 && missing === 0 ? 1 : 0), most: wanted + surge };
}

function part(value: number | string, of: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) / 100) * of);
}

/** A replica set makes pods up to what it was told to have. */
function tooManyPods({ object, revision }: LedgerChange, world: World, by: History<Bound>): string | undefined {
  const owner = object.metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === 'ReplicaSet');
  const bound = owner && widest(by, owner.uid, world);
  if (!owner || !bound || world.hadTwoLeaders || !world.acknowledged.isKnownToMaker(object)) return undefined;
  const known = world.ledger
    .list<Pod>('core/pods')
    .filter((pod) => isLive(pod) && controllerUid(pod) === owner.uid && world.acknowledged.isKnownToMaker(pod));
  if (known.length <= bound.most) return undefined;
  return `replica set ${owner.name} has ${known.length} pods at revision ${revision}, and was told to have ${bound.most} at most`;
}

/** The replica sets of a deployment together want no more than it may have, and no fewer than it promises. */
function rolloutProblem(change: LedgerChange, world: World, by: History<Bound>): string | undefined {
  const { object, before, revision } = change;
  const owner = object.metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === 'Deployment');
  const bound = owner && widest(by, owner.uid, world);
  const deployment = world.ledger
    .list<Deployment>('apps/deployments')
    .find(({ metadata }) => metadata.uid === owner?.uid);
  if (!bound || !deployment || deployment.metadata.deletionTimestamp || world.hadTwoLeaders) return undefined;
  const grewBy = (change.type === 'delete' ? 0 : wantedBy(object)) - (before ? wantedBy(before.object) : 0);
  const sets = world.ledger.list<ReplicaSet>('apps/replicasets').filter((set) => isControlledBy(set, deployment));
  const total = sets.reduce((sum, set) => sum + wantedBy(set), 0);
  const name = `${deployment.metadata.namespace}/${deployment.metadata.name}`;
  if (grewBy > 0 && total > bound.most) {
    return `deployment ${name} lets its replica sets want ${total} pods at revision ${revision}, ${bound.most} at most are allowed`;
  }
  if (grewBy < 0 && change.cause.includes('deployment') && total < bound.least) {
    return `deployment ${name} leaves ${total} pods at revision ${revision}, ${bound.least} are promised`;
  }
  return undefined;
}

function wantedBy(object: KubeObject): number {
  return (object as ReplicaSet).spec?.replicas ?? 1;
}

function isLive(pod: Pod): boolean {
  return !isTerminal(pod) && !pod.metadata.deletionTimestamp;
}

function controllerUid({ metadata }: Pod): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
}
