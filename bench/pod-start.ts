/**
 * From create to Ready, one pod after another, then fifty at once. Needs root and an image: `node bench/pod-start.ts`
 * builds one from busybox-static. With the phases that a pod went through, from its conditions and its agent's timings.
 */
import { systemClock } from '@slipway/kit/clock';
import { execFileSync } from 'node:child_process';
import { get } from 'node:https';
import { join, resolve } from 'node:path';
import { type BenchCluster, slipwayBin, startCluster, usageOf } from './cluster.ts';
import { median, PodPhases } from './pod-phases.ts';
import { rest } from './rest.ts';

const image = 'localhost/bench:1';
const one = 20;
const many = 50;

interface SeenPod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Milliseconds since the create at which a watcher saw each milestone. */
type Milestones = Map<'scheduled' | 'ready' | 'gone', number>;

class PodWatch {
  readonly #seen = new Map<
    string,
    { readonly startedMs: number; readonly milestones: Milestones; readonly waiting: Map<string, () => void> }
  >();

  expect(name: string): void {
    this.#seen.set(name, { startedMs: performance.now(), milestones: new Map(), waiting: new Map() });
  }

  until(name: string, milestone: 'ready' | 'gone'): Promise<Milestones> {
    const pod = this.#seen.get(name);
    if (!pod) throw new Error(`${name} is not expected`);
    if (pod.milestones.has(milestone)) return Promise.resolve(pod.milestones);
    return new Promise((done) => pod.waiting.set(milestone, () => done(pod.milestones)));
  }

  take(type: string, object: SeenPod): void {
    const pod = this.#seen.get(object.metadata.name);
    if (!pod) return;
    const is = (condition: string) =>
      object.status?.conditions?.some((found) => found.type === condition && found.status === 'True') ?? false;
    const reached = {
      scheduled: object.spec.nodeName !== undefined,
      ready: is('Ready'),
      gone: type === 'DELETED',
    };
    for (const [milestone, isReached] of Object.entries(reached) as [keyof typeof reached, boolean][]) {
      if (!isReached || pod.milestones.has(milestone)) continue;
      pod.milestones.set(milestone, performance.now() - pod.startedMs);
      pod.waiting.get(milestone)?.();
    }
  }
}

function watchPods(cluster: BenchCluster): Promise<PodWatch> {
  const watch = new PodWatch();
  const url = new URL('/api/v1/namespaces/default/pods?watch=1', cluster.base);
  return new Promise((done, fail) => {
    get(
      url,
      { rejectUnauthorized: false, agent: false, headers: { authorization: `Bearer ${cluster.token}` } },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
          for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
            const event = JSON.parse(text.slice(0, end)) as { type: string; object: SeenPod };
            text = text.slice(end + 1);
            watch.take(event.type, event.object);
          }
        });
        done(watch);
      },
    ).once('error', fail);
  });
}

const podSpec = {
  terminationGracePeriodSeconds: 0,
  containers: [{ name: 'c', image, command: ['/bin/sleep', '3600'] }],
};
const worst = (values: number[]) => Math.max(...values);

async function oneAfterAnother(cluster: BenchCluster, watch: PodWatch, phases: PodPhases): Promise<string[]> {
  const ups: Milestones[] = [];
  const downs: number[] = [];
  for (let i = 0; i < one; i++) {
    const name = `one-${i}`;
    watch.expect(name);
    const createdAtMs = systemClock.nowMs();
    const { body } = await cluster.call('POST', '/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: podSpec,
    });
    const { uid } = (body as SeenPod).metadata;
    phases.created(uid, createdAtMs);
    ups.push(await watch.until(name, 'ready'));
    phases.ready(uid, systemClock.nowMs());
    const deletedMs = performance.now();
    await cluster.call('DELETE', `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`);
    await watch.until(name, 'gone');
    downs.push(performance.now() - deletedMs);
  }
  const at = (milestone: 'scheduled' | 'ready') => ups.map((milestones) => milestones.get(milestone) ?? Number.NaN);
  return [
    `| create to Ready, one after another | p50 ${median(at('ready')).toFixed(0)} ms, worst ${worst(at('ready')).toFixed(0)} ms |`,
    `| ... scheduled, seen by the client | p50 ${median(at('scheduled')).toFixed(1)} ms |`,
    ...phases.rows(),
    `| delete without grace to gone | p50 ${median(downs).toFixed(0)} ms |`,
  ];
}

async function manyAtOnce(cluster: BenchCluster): Promise<string> {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const startedMs = performance.now();
  await cluster.call('POST', path, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'many' },
    spec: {
      replicas: many,
      selector: { matchLabels: { app: 'many' } },
      template: { metadata: { labels: { app: 'many' } }, spec: podSpec },
    },
  });
  for (;;) {
    const { body } = await cluster.call('GET', `${path}/many`);
    if ((body as { status?: { readyReplicas?: number } }).status?.readyReplicas === many) break;
    await rest(20);
  }
  return `| ${many} pods of one Deployment, all Ready | ${((performance.now() - startedMs) / 1000).toFixed(2)} s |`;
}

const phases = new PodPhases();
const cluster = await startCluster({ onLogLine: (line) => phases.takeLogLine(line) });
try {
  const archive = join(cluster.dataDir, 'bench.tar');
  execFileSync(resolve(import.meta.dirname, '../examples/images/build.sh'), [image, archive]);
  execFileSync(slipwayBin, ['image', 'load', archive, '--data-dir', cluster.dataDir]);
  const rows = await oneAfterAnother(cluster, await watchPods(cluster), phases);
  rows.push(await manyAtOnce(cluster));
  rows.push(`| resident memory with ${many} pods | ${usageOf(cluster.pid).residentMib.toFixed(0)} MiB |`);
  console.log(['| work | measured |', '|---|---|', ...rows].join('\n'));
} finally {
  await cluster.stop();
}
process.exit(0);
