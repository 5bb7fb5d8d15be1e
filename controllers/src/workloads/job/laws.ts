import { IndexSet } from '@slipway/api/completion-indexes';
import type { Job, Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import { isControlledBy } from '../../runtime/owner.ts';
import { aJob } from '../../testing/builders.ts';
import { pick } from '../../testing/laws/child-moves.ts';
import type { ControllerLaws, Move } from '../../testing/laws/controller-laws.ts';
import type { MemoryServer, Write } from '../../testing/laws/memory-server.ts';
import { isPodActive, isPodFinished } from '../pod-readiness.ts';
import { finishedCondition } from './job-conditions.ts';
import { completionIndexOf, isIndexed, isTracked } from './job-pods.ts';

const { jobs, pods } = kinds;

export const jobLaws: ControllerLaws = {
  controller: 'job',
  mayDie: true,
  primary: jobs,
  children: [pods],
  start(server) {
    const queue = aJob({ completions: 4, parallelism: 2, backoffLimit: 3, manualSelector: true });
    server.put(jobs, queue);
    const template = { ...queue.spec.template, metadata: { labels: { job: 'rows' } } };
    const limits = { backoffLimitPerIndex: 1, maxFailedIndexes: 2, backoffLimit: 2 ** 31 - 1 };
    const indexed = { completionMode: 'Indexed', completions: 3, parallelism: 3, ...limits };
    const selector = { matchLabels: { job: 'rows' } };
    server.put(jobs, aJob({ ...indexed, selector, template, activeDeadlineSeconds: 600 }, { name: 'rows' }));
  },
  moves: {
    'it is suspended': changed((spec) => ({ ...spec, suspend: true })),
    'it goes on': changed((spec) => ({ ...spec, suspend: false })),
    'more or less in parallel': changed((spec, dice) => ({ ...spec, parallelism: dice % 5 })),
    'it grows or shrinks': changed((spec, dice) =>
      spec.completionMode === 'Indexed' ? { ...spec, completions: dice % 6, parallelism: dice % 6 } : spec,
    ),
  },
  // The finalizer is its own, on whatever pod, and a pod that is being deleted goes with it.
  mayWrite({ verb, kindId, before, after }) {
    if (kindId !== 'pods' || verb === 'create') return false;
    if (verb === 'delete') return before?.metadata.deletionTimestamp !== undefined;
    return isTracked(before as Pod) && !isTracked(after as Pod);
  },
  never: (write, server) => wrongCount(write, server) ?? wrongPods(write, server),
  atRest(server) {
    for (const job of server.list(jobs)) {
      const own = server.list(pods).filter((pod) => isControlledBy(pod, job));
      if (finishedCondition(job) && own.some(isTracked)) return `${keyOf(job)} is finished and holds pods`;
      const { succeeded = [], failed = [] } = job.status?.uncountedTerminatedPods ?? {};
      const uncounted = succeeded.length + failed.length;
      if (uncounted > 0 && !job.metadata.deletionTimestamp) return `${keyOf(job)} has ${uncounted} pods to count`;
      const active = own.filter(isPodActive).length;
      if ((job.status?.active ?? 0) !== active) return `${keyOf(job)} says ${job.status?.active} of ${active} pods`;
    }
    return server.list(pods).some((pod) => isTracked(pod) && !server.get(jobs, keyOfJob(pod)))
      ? 'a pod is held for a job that is gone'
      : undefined;
  },
};

function keyOfJob({ metadata }: Pod): string {
  const name = metadata.ownerReferences?.find(({ kind }) => kind === 'Job')?.name;
  return `${metadata.namespace}/${name}`;
}

/** Uids that were ever put into the lists of a job, by the job's uid. */
const ledgers = new WeakMap<MemoryServer, Map<string, { succeeded: Set<string>; failed: Set<string> }>>();

function ledgerOf(server: MemoryServer, uid: string) {
  const known = ledgers.get(server) ?? new Map();
  ledgers.set(server, known);
  const ledger = known.get(uid) ?? { succeeded: new Set<string>(), failed: new Set<string>() };
  known.set(uid, ledger);
  return ledger;
}

/** Each pod that ended is in the counters, or on its way there, once; and none is let go before. */
function wrongCount({ kindId, subresource, before, after }: Write, server: MemoryServer): string | undefined {
  if (kindId === 'pods') return before && after ? lostPod(before as Pod, after as Pod, server) : undefined;
  if (kindId !== 'jobs.batch' || subresource !== 'status') return undefined;
  const { status: was = {} } = before as Job;
  const { status: is = {}, metadata } = after as Job;
  const ledger = ledgerOf(server, metadata.uid ?? '');
  for (const list of ['succeeded', 'failed'] as const) {
    const known = new Set(was.uncountedTerminatedPods?.[list]);
    for (const uid of is.uncountedTerminatedPods?.[list] ?? []) {
      if (known.has(uid)) continue;
      if (ledger.succeeded.has(uid) || ledger.failed.has(uid)) return `pod ${uid} is counted twice`;
      ledger[list].add(uid);
    }
    if (list === 'succeeded' && isIndexed(after as Job)) continue;
    const counted = (is[list] ?? 0) + (is.uncountedTerminatedPods?.[list]?.length ?? 0);
    if (counted !== ledger[list].size) return `${counted} ${list} are counted of ${ledger[list].size}`;
  }
  return undefined;
}

function lostPod(before: Pod, after: Pod, server: MemoryServer): string | undefined {
  if (!isTracked(before) || isTracked(after) || !isPodFinished(before)) return undefined;
  const job = server.list(jobs).find((owner) => isControlledBy(before, owner));
  if (!job || finishedCondition(job) || !isControlledBy(after, job)) return undefined;
  const { uid = '' } = before.metadata;
  const { succeeded, failed } = ledgerOf(server, job.metadata.uid ?? '');
  if (succeeded.has(uid) || failed.has(uid)) return undefined;
  if (!isIndexed(job)) return 'a pod is let go that was never counted';
  const index = completionIndexOf(before, job);
  const isRecorded = index !== undefined && IndexSet.parse(job.status?.completedIndexes, 1000).has(index);
  return index === undefined || isRecorded ? undefined : 'a pod is let go whose index was never recorded';
}

function wrongPods({ verb, kindId, after }: Write, server: MemoryServer): string | undefined {
  if (verb !== 'create' || kindId !== 'pods') return undefined;
  const job = server.list(jobs).find((owner) => isControlledBy(after as Pod, owner));
  if (!job) return undefined;
  const { deletionTimestamp } = job.metadata;
  if (deletionTimestamp || job.spec.suspend || finishedCondition(job)) return 'a pod for a job that wants none';
  const active = server.list(pods).filter((pod) => isControlledBy(pod, job) && isPodActive(pod));
  const { parallelism = 1 } = job.spec;
  if (active.length > parallelism) return `${active.length} active pods of ${parallelism}`;
  const indexes = active.map((pod) => completionIndexOf(pod, job));
  return isIndexed(job) && new Set(indexes).size < indexes.length ? 'two active pods of one index' : undefined;
}

function changed(change: (spec: Job['spec'], dice: number) => Job['spec']): Move {
  return (server, dice) => {
    const job = pick(server.list(jobs), dice);
    if (job) server.put(jobs, { ...job, spec: change(job.spec, Math.floor(dice / 3)) });
  };
}
