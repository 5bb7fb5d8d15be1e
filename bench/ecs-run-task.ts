/**
 * From RunTask to RUNNING on a real node, the image there, one task after another: what DescribeTasks says, asked every 5 ms. With what
 * happened on the way, by a watch of pods and tasks and by the agent's own timings. Needs root and an image, which it builds from busybox-static.
 * `node bench/ecs-run-task.ts [tasks]`
 */
import { systemClock } from '@slipway/kit/clock';
import { execFileSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { slipwayBin, startCluster } from './cluster.ts';
import { EcsConnection, freePort, prepareEcs } from './ecs-client.ts';
import { median, PodPhases } from './pod-phases.ts';
import { rest } from './rest.ts';
import { watch } from './watch.ts';

const image = 'localhost/bench:1';
const rounds = Number(process.argv[2] ?? 20);
const warmUpRounds = 3;
/** Asking without a pause would keep the processor from what is measured. */
const pollMs = 5;

interface SeenTask {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly lastStatus?: string };
}

interface SeenPod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly containerStatuses?: readonly { readonly state?: { readonly running?: object } }[] };
}

/** Wall clock of what was seen first of each task, by its name. */
const seen = new Map<string, Map<string, number>>();
const uids = new Map<string, string>();

function note(name: string, what: string): void {
  const times = seen.get(name) ?? new Map<string, number>();
  seen.set(name, times);
  if (!times.has(what)) times.set(what, systemClock.nowMs());
}

const phases = new PodPhases();
const port = await freePort();
const cluster = await startCluster({
  flags: [`--ecs-port=${port}`],
  onLogLine: (line) => phases.takeLogLine(line),
});
try {
  const archive = join(cluster.dataDir, 'bench.tar');
  execFileSync(resolve(import.meta.dirname, '../examples/images/build.sh'), [image, archive]);
  execFileSync(slipwayBin, ['image', 'load', archive, '--data-dir', cluster.dataDir]);
  await prepareEcs(cluster);
  const ecs = await EcsConnection.open(port, false);
  await ecs.call('RegisterTaskDefinition', {
    family: 'bench',
    containerDefinitions: [{ name: 'app', image, memory: 64, command: ['/bin/sleep', '3600'], stopTimeout: 2 }],
  });
  await watch<SeenTask>(cluster, '/apis/ecs.slipway.dev/v1/namespaces/default/tasks', ({ object }) => {
    note(object.metadata.name, `task ${object.status?.lastStatus ?? 'made'}`);
  });
  await watch<SeenPod>(cluster, '/api/v1/namespaces/default/pods', ({ type, object: { metadata, spec, status } }) => {
    uids.set(metadata.name, metadata.uid);
    note(metadata.name, type === 'ADDED' ? 'pod made' : spec.nodeName === undefined ? 'pod changed' : 'pod bound');
    if (status?.containerStatuses?.every(({ state }) => state?.running)) note(metadata.name, 'pod running');
  });
  const tookMs: number[] = [];
  const milestones = new Map<string, number[]>();
  for (let round = -warmUpRounds; round < rounds; round++) {
    const startedAtMs = systemClock.nowMs();
    const startedMs = performance.now();
    const { tasks } = await ecs.call<{ tasks: { taskArn: string }[] }>('RunTask', { taskDefinition: 'bench' });
    const answeredMs = performance.now() - startedMs;
    const task = tasks[0]?.taskArn ?? '';
    for (;;) {
      const described = await ecs.call<{ tasks: { lastStatus: string }[] }>('DescribeTasks', { tasks: [task] });
      const status = described.tasks[0]?.lastStatus;
      if (status === 'RUNNING') break;
      if (status === 'STOPPED') throw new Error('the task stopped');
      await rest(pollMs);
    }
    const runningMs = performance.now() - startedMs;
    const name = task.split('/').at(-1) ?? '';
    await ecs.call('StopTask', { task });
    while (!seen.get(name)?.has('task STOPPED')) await rest(pollMs);
    if (round < 0) continue;
    tookMs.push(runningMs);
    phases.created(uids.get(name) ?? '', startedAtMs);
    phases.ready(uids.get(name) ?? '', startedAtMs + runningMs);
    for (const [what, atMs] of [['RunTask answered', startedAtMs + answeredMs] as const, ...(seen.get(name) ?? [])]) {
      if (atMs <= startedAtMs + runningMs + 5)
        milestones.set(what, [...(milestones.get(what) ?? []), atMs - startedAtMs]);
    }
  }
  const times = [...milestones].map(([what, values]) => [what, median(values)] as const).sort((a, b) => a[1] - b[1]);
  const rows = [
    `| RunTask to RUNNING in DescribeTasks | p50 ${median(tookMs).toFixed(0)} ms, best ${Math.min(...tookMs).toFixed(0)} ms, worst ${Math.max(...tookMs).toFixed(0)} ms |`,
    ...times.map(([what, ms]) => `| ... seen after: ${what} | p50 ${ms.toFixed(0)} ms |`),
    ...phases.rows(),
  ];
  console.log(['| work | measured |', '|---|---|', ...rows].join('\n'));
  console.log(`load ${loadavg()[0]?.toFixed(2)}, ${rounds} tasks`);
} finally {
  await cluster.stop();
}
process.exit(0);
