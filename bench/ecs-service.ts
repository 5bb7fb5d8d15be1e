/**
 * A service on scripted nodes, from CreateService until it is what the waiter `services-stable` waits for, a rolling update of it, and
 * a Deployment of as many pods beside it. With what was written on the way.
 * `node bench/ecs-service.ts [tasks] [nodes]`
 */
import { loadavg } from 'node:os';
import { startCluster, usageOf } from './cluster.ts';
import { EcsConnection, freePort, prepareEcs } from './ecs-client.ts';
import { rest } from './rest.ts';
import { watch } from './watch.ts';

const tasks = Number(process.argv[2] ?? 500);
const nodes = Number(process.argv[3] ?? Math.ceil(tasks / 25));
const pollMs = 20;

interface Seen {
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly nodeName?: string };
  readonly status?: { readonly lastStatus?: string; readonly phase?: string };
}

/** Of one kind: how often it was written, and when each state was seen first and last. */
class Tally {
  readonly name: string;
  #writes = 0;
  #startedMs = 0;
  readonly #known = new Map<string, Set<string>>();
  readonly #states = new Map<string, { count: number; firstMs: number; lastMs: number }>();

  constructor(name: string) {
    this.name = name;
  }

  start(): void {
    this.#startedMs = performance.now();
    this.#writes = 0;
    this.#known.clear();
    this.#states.clear();
  }

  take(name: string, state: string): void {
    this.#writes += 1;
    const known = this.#known.get(name) ?? new Set();
    this.#known.set(name, known);
    if (known.has(state)) return;
    known.add(state);
    const ms = performance.now() - this.#startedMs;
    const times = this.#states.get(state) ?? { count: 0, firstMs: ms, lastMs: ms };
    this.#states.set(state, { count: times.count + 1, firstMs: times.firstMs, lastMs: ms });
  }

  rows(): object[] {
    const rows = [...this.#states].map(([state, { count, firstMs, lastMs }]) => ({
      what: `${this.name} ${state}`,
      count,
      'first ms': Math.round(firstMs),
      'last ms': Math.round(lastMs),
    }));
    return [{ what: `${this.name}: written`, count: this.#writes }, ...rows];
  }
}

const port = await freePort();
const cluster = await startCluster({
  flags: [
    ...['--no-agent', '--simulate-nodes', String(nodes), '--stages', 'fast', `--ecs-port=${port}`],
    ...['--cluster-cidr', '10.128.0.0/9', '--service-cluster-ip-range', '172.20.0.0/16'],
  ],
});
const tallies = {
  tasks: new Tally('task'),
  pods: new Tally('pod'),
  services: new Tally('service'),
  events: new Tally('event'),
};

async function stage(what: string, work: () => Promise<void>): Promise<void> {
  for (const tally of Object.values(tallies)) tally.start();
  const before = usageOf(cluster.pid).cpuSeconds;
  const startedMs = performance.now();
  await work();
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(2);
  const busy = (usageOf(cluster.pid).cpuSeconds - before).toFixed(2);
  console.log(`\n${what}: ${seconds} s, ${busy} s of a processor, load ${loadavg()[0]?.toFixed(2)}`);
  console.table(Object.values(tallies).flatMap((tally) => tally.rows()));
}

interface DescribedService {
  readonly deployments: readonly { readonly taskDefinition: string }[];
  readonly runningCount: number;
  readonly desiredCount: number;
}

try {
  await prepareEcs(cluster);
  const ecs = await EcsConnection.open(port, false);
  const register = (version: string) =>
    ecs.call('RegisterTaskDefinition', {
      family: 'bench',
      containerDefinitions: [{ name: 'app', image: `example/app:${version}`, memory: 16 }],
    });
  /** The scheduler takes a moment to see that there is another version. */
  const untilStable = async (version: number) => {
    for (;;) {
      const { services } = await ecs.call<{ services: DescribedService[] }>('DescribeServices', {
        services: ['bench'],
      });
      const [service] = services;
      const isCurrent = service?.deployments[0]?.taskDefinition.endsWith(`:${version}`);
      if (isCurrent && service?.deployments.length === 1 && service.runningCount === service.desiredCount) return;
      await rest(pollMs);
    }
  };
  await register('1');
  const ecsPath = '/apis/ecs.slipway.dev/v1/namespaces/default';
  await watch<Seen>(cluster, `${ecsPath}/tasks`, ({ type, object }) =>
    tallies.tasks.take(object.metadata.name, type === 'DELETED' ? 'gone' : (object.status?.lastStatus ?? 'made')),
  );
  await watch<Seen>(cluster, '/api/v1/namespaces/default/pods', ({ type, object: { metadata, spec, status } }) => {
    const isBound = spec?.nodeName === undefined ? 'made' : 'bound';
    tallies.pods.take(metadata.name, type === 'DELETED' ? 'gone' : status?.phase === 'Running' ? 'running' : isBound);
  });
  await watch<Seen>(cluster, `${ecsPath}/services`, ({ object }) =>
    tallies.services.take(object.metadata.name, 'seen'),
  );
  await watch<Seen>(cluster, '/api/v1/namespaces/default/events', ({ object }) =>
    tallies.events.take(object.metadata.name, 'seen'),
  );
  await stage(`a service of ${tasks} tasks on ${nodes} nodes`, async () => {
    await ecs.call('CreateService', { serviceName: 'bench', taskDefinition: 'bench', desiredCount: tasks });
    await untilStable(1);
  });
  await rest(2_000);
  await stage('a rolling update of it', async () => {
    await register('2');
    await ecs.call('UpdateService', { service: 'bench', taskDefinition: 'bench' });
    await untilStable(2);
  });
  await stage(`a Deployment of ${tasks} pods`, async () => {
    const labels = { app: 'bench' };
    const resources = { requests: { memory: '16Mi' } };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'example/app:1', resources }] } };
    const path = '/apis/apps/v1/namespaces/default/deployments';
    await cluster.call('POST', path, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'bench' },
      spec: { replicas: tasks, selector: { matchLabels: labels }, template },
    });
    for (;;) {
      const { body } = await cluster.call('GET', `${path}/bench`);
      if ((body as { status?: { readyReplicas?: number } }).status?.readyReplicas === tasks) return;
      await rest(pollMs);
    }
  });
} finally {
  await cluster.stop();
}
process.exit(0);
