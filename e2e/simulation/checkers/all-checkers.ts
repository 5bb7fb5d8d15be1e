import type { Transport } from '@slipway/api/transport';
import { acknowledgedWrites } from './acknowledged-writes.ts';
import { bounds } from './bounds.ts';
import type { Checker } from './checker.ts';
import { identities } from './identities.ts';
import { owners } from './owners.ts';
import { replicas } from './replicas.ts';
import { revisions } from './revisions.ts';
import { serverAndDisk } from './server-and-disk.ts';
import { watches } from './watches.ts';

/** Everything that is checked, new for each run. */
export function allCheckers(observersThrough: (transport: Transport) => Transport): readonly Checker[] {
  return [
    revisions(),
    acknowledgedWrites(),
    watches(observersThrough),
    identities(),
    bounds(),
    owners(),
    replicas(),
    serverAndDisk(),
  ];
}
