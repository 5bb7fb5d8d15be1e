/**
 * The scheduler alone, in process, after upstream's scheduler_perf: queue, decisions, assuming and the way of a binding through the client, over
 * caches that a double of the API server fills. What an API server and a store cost is not in it.
 * `node bench/scheduler.ts [PART OF A NAME]`
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Client } from '@slipway/client/client';
import { Scheduler } from '@slipway/controllers/scheduler';
import { ClusterDouble } from '@slipway/controllers/scheduler/testing';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { type Case, cases, nodesOf, podsOf } from './scheduling/cases.ts';
import { rest } from './rest.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

interface Run {
  readonly double: ClusterDouble;
  bound(count: number): Promise<void>;
  stop(): Promise<void>;
}

function start(double: ClusterDouble): Run {
  const stopping = new AbortController();
  const scheduler = new Scheduler({
    sources: double.sources,
    client: new Client(double),
    recordEvent: () => {},
    clock: systemClock,
    random: seededRandom(1),
    log: silentLogger,
  });
  const running = scheduler.run(stopping.signal);
  const bound = (count: number) => {
    const target = double.bindings + count;
    return new Promise<void>((resolve) => {
      double.onBound = () => {
        if (double.bindings >= target) resolve();
      };
    });
  };
  const stop = async () => {
    stopping.abort();
    await running;
  };
  return { double, bound, stop };
}

function say(what: string, ...figures: string[]): void {
  process.stdout.write(`| ${[what.padEnd(44), ...figures].join(' | ')} |\n`);
}

async function measure({ name, nodes, zones, before, unschedulable, measured }: Case): Promise<void> {
  const double = new ClusterDouble();
  double.addNodes(nodesOf(nodes, zones));
  const run = start(double);
  for (const batch of before) {
    const placed = run.bound(batch.count);
    double.addPods(podsOf(batch));
    await placed;
  }
  if (unschedulable) double.addPods(podsOf(unschedulable));
  const pods = podsOf(measured);
  await rest(50);
  collect();
  const startedMs = performance.now();
  const cpu = process.cpuUsage();
  const done = run.bound(measured.count);
  double.addPods(pods);
  await done;
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const micros = ((user + system) / measured.count).toFixed(0);
  say(
    name,
    `${nodes} nodes`,
    `${measured.count} pods`,
    `${(measured.count / seconds).toFixed(0)} pods/s`,
    `${micros} µs CPU each`,
  );
  await run.stop();
}

/** What the scheduler keeps beside the caches, and what it does when nothing happens. */
async function measureMemory(): Promise<void> {
  const double = new ClusterDouble();
  const nodes = nodesOf(5_000, 3);
  double.addNodes(nodes);
  const pods = podsOf({ count: 100_000, shape: { namespace: 'running', labels: { app: 'web' }, perOwner: 50 } });
  double.addPods(pods.map((pod, i) => ({ ...pod, spec: { ...pod.spec, nodeName: `node-${i % nodes.length}` } })));
  pods.length = 0;
  collect();
  const before = process.memoryUsage();
  const run = start(double);
  await rest(3_000);
  collect();
  const after = process.memoryUsage();
  const bytes = after.heapUsed + after.external - before.heapUsed - before.external;
  const idle = process.cpuUsage();
  await rest(2_000);
  const { user, system } = process.cpuUsage(idle);
  say(
    'kept for 5,000 nodes with 100,000 pods',
    `${(bytes / 2 ** 20).toFixed(0)} MiB`,
    `idle ${((user + system) / 20_000).toFixed(1)} % of a core`,
  );
  await run.stop();
}

const wanted = process.argv[2] ?? '';
for (const each of cases) if (each.name.toLowerCase().includes(wanted.toLowerCase())) await measure(each);
if ('memory'.includes(wanted)) await measureMemory();
