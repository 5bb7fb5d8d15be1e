/** Whatever is asked of an operation, right or wrong, is answered: by an output or an exception, never by a failure of the server. */
import { Agent } from 'node:http';
import { refusedOperations, servedOperations } from '@slipway/apiserver/ecs-model';
import type { KubeObject } from '@slipway/api/types';
import { systemClock } from '@slipway/kit/clock';
import { seededRandom } from '@slipway/kit/random';
import { Dice } from '../fuzz/dice.ts';
import type { Json } from '../fuzz/values.ts';
import { type EcsTestServer, startEcsServer } from './ecs-server.ts';
import { randomInput } from './random-input.ts';
import { send } from './signed-request.ts';

const seed = Number(process.env.ECS_FUZZ_SEED ?? 20_261_121);
/** Of each operation; by hand more. */
const rounds = Number(process.env.ECS_FUZZ_ROUNDS ?? 25);
const atOnce = 8;

let server: EcsTestServer;
const agent = new Agent({ keepAlive: true, maxSockets: atOnce });

beforeAll(async () => {
  server = await startEcsServer();
  await furnish();
});

afterAll(async () => {
  agent.destroy();
  await server.stop();
});

const ask = (operation: string, body: string) =>
  send(server.port, { operation, body, nowMs: systemClock.nowMs() }, agent);

/** One of each kind, so that operations have something to work on. */
async function furnish(): Promise<void> {
  const container = { name: 'app', image: 'a', memory: 64, portMappings: [{ containerPort: 80 }] };
  const steps: readonly (readonly [string, object])[] = [
    ['CreateCluster', {}],
    ['CreateCluster', { clusterName: 'Blue' }],
    ['RegisterTaskDefinition', { family: 'app', containerDefinitions: [container] }],
    ['RegisterTaskDefinition', { family: 'vpc', networkMode: 'awsvpc', containerDefinitions: [container] }],
    ['CreateService', { serviceName: 'web', taskDefinition: 'app', desiredCount: 0 }],
    ['RunTask', { taskDefinition: 'app' }],
  ];
  for (const [operation, input] of steps) {
    const { status, text } = await ask(operation, JSON.stringify(input));
    if (status !== 200) throw new Error(`${operation}: ${text}`);
  }
  const namespace = 'default';
  const make = (kind: string, resource: string, metadata: KubeObject['metadata'], spec: object) =>
    server.create({ apiVersion: 'ecs.slipway.dev/v1', kind, metadata, spec } as KubeObject, resource);
  await make('ContainerInstance', 'containerinstances', { name: 'node-1' }, {});
  await make('Task', 'tasks', { name: 'one', namespace }, { taskDefinition: 'app:1', serviceName: 'web' });
  const revision = { serviceName: 'web', taskDefinition: 'app:1' };
  await make('ServiceRevision', 'servicerevisions', { name: 'r1', namespace }, revision);
  const deployment = { serviceName: 'web', targetServiceRevision: 'r1' };
  await make('ServiceDeployment', 'servicedeployments', { name: 'd1', namespace }, deployment);
}

/** What must not be, in a line. */
async function problem(operation: string, input: Json): Promise<string | undefined> {
  const body = JSON.stringify(input);
  try {
    const { status, text, errorType, body: said } = await ask(operation, body);
    if (status === 200) return undefined;
    const isException = status < 500 && said.__type !== undefined && said.__type === errorType;
    // Nor does a client hear of the objects behind what it asked for.
    const isClear = (said.message ?? '') !== '' && !text.includes('ecs.slipway.dev');
    if (isException && isClear) return undefined;
    return `${operation} ${body.slice(0, 2_000)} → ${status} ${text}`;
  } catch (error) {
    return `${operation} ${body.slice(0, 2_000)} → ${String(error)}`;
  }
}

it(`answers every input of every operation (seed ${seed})`, async () => {
  const dice = new Dice(seededRandom(seed));
  const problems: string[] = [];
  const work = servedOperations.flatMap((operation) =>
    Array.from({ length: rounds }, () => ({ operation, input: randomInput(operation, dice) })),
  );
  // Mixed, so that operations meet what the others have made.
  work.sort(() => dice.below(3) - 1);
  const next = work[Symbol.iterator]();
  const workers = Array.from({ length: atOnce }, async () => {
    for (const { operation, input } of next) {
      const found = await problem(operation, input);
      if (found !== undefined) problems.push(found);
    }
  });
  await Promise.all(workers);
  expect(problems.slice(0, 20)).toEqual([]);
  expect((await ask('ListClusters', '{}')).status).toBe(200);
}, 120_000);

it('names what is not served for every operation that is not', async () => {
  for (const operation of Object.keys(refusedOperations)) {
    const { status, body } = await ask(operation, '{}');
    expect([operation, status, body.__type]).toEqual([operation, 400, 'UnsupportedFeatureException']);
    expect(body.message).toContain(operation);
  }
  expect((await ask('MakeCoffee', '{}')).body.__type).toBe('UnknownOperationException');
});
