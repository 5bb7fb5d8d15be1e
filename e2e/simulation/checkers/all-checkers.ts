import { acknowledgedWrites } from './acknowledged-writes.ts';
import { addressesOfServices } from './addresses-of-services.ts';
import { bounds } from './bounds.ts';
import { budgets } from './budgets.ts';
import type { Checker } from './checker.ts';
import { daemons } from './daemons.ts';
import { ecsPercents } from './ecs-percents.ts';
import { ecsRollbacks, ecsServices } from './ecs-services.ts';
import { finishedJobs } from './finished-jobs.ts';
import { identities } from './identities.ts';
import { ordinals } from './ordinals.ts';
import { owners } from './owners.ts';
import { replicas } from './replicas.ts';
import { revisions } from './revisions.ts';
import { serverAndDisk } from './server-and-disk.ts';
import { watches } from './watches.ts';

/** Everything that is checked, new for each run. */
export function allCheckers(): readonly Checker[] {
  return [
    revisions(),
    acknowledgedWrites(),
    watches(),
    identities(),
    bounds(),
    budgets(),
    ordinals(),
    owners(),
    replicas(),
    daemons(),
    finishedJobs(),
    addressesOfServices(),
    serverAndDisk(),
  ];
}

/** The same with services of ECS, less what is about kinds that nobody makes there. */
export function ecsCheckers(): readonly Checker[] {
  return [
    revisions(),
    acknowledgedWrites(),
    watches(),
    identities(),
    ecsPercents(),
    ecsRollbacks(),
    owners(),
    ecsServices(),
    addressesOfServices(),
    serverAndDisk(),
  ];
}
