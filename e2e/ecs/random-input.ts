/** Inputs of operations from the service model: what a client could mean, and what none would. */
import { inputOf, type Shape, shapes } from '@slipway/apiserver/ecs-model';
import type { Dice } from '../fuzz/dice.ts';
import { hostileKey, hostileText, hostileValue, type Json, mutated } from '../fuzz/values.ts';

const depthMax = 7;

/** Names that may be there, in every form that ECS takes, so that operations get past "not found". */
const known = [
  'default',
  'Blue',
  'app',
  'app:1',
  'app:2',
  'web',
  'one',
  'node-1',
  'FARGATE',
  'Fast',
  'arn:aws:ecs:eu-central-1:123456789012:cluster/default',
  'arn:aws:ecs:eu-central-1:123456789012:task-definition/app:1',
  'arn:aws:ecs:eu-central-1:123456789012:service/default/web',
  'arn:aws:ecs:eu-central-1:123456789012:task/default/one',
  'arn:aws:ecs:eu-central-1:123456789012:container-instance/default/node-1',
  'arn:aws:ecs:eu-central-1:123456789012:service-deployment/default/web/d1',
  'arn:aws:ecs:eu-central-1:123456789012:service-revision/default/web/r1',
  'arn:aws:ecs:eu-central-1:123456789012:capacity-provider/Fast',
  'arn:aws:iam::123456789012:user/alice',
  'arn:aws:ecs:::/',
  '64',
  '256',
  '1 vCPU',
  '8000-8010',
  'attribute:stack == prod',
  'CMD-SHELL',
  'instanceId',
  '/data',
  'docker.io/library/app:1',
  'djE6eA',
];

/** Members whose values belong together, so that whole requests are sometimes right. */
const likely: Readonly<Record<string, readonly Json[]>> = {
  cluster: ['default', 'Blue', 'arn:aws:ecs:eu-central-1:123456789012:cluster/default'],
  clusterName: ['default', 'Blue'],
  taskDefinition: ['app', 'app:1', 'arn:aws:ecs:eu-central-1:123456789012:task-definition/app:1', 'vpc'],
  service: ['web'],
  serviceName: ['web', 'Other_One'],
  containerName: ['app'],
  family: ['app', 'Some_Family'],
  count: [1, 2, 10],
  desiredCount: [0, 1, 2],
  memory: [64],
  memoryReservation: [32],
  containerPort: [80],
  targetType: ['container-instance'],
  containerInstance: ['node-1'],
  capacityProvider: ['FARGATE', 'Fast'],
  capacityProviders: [['FARGATE'], ['Fast']],
  networkConfiguration: [{ awsvpcConfiguration: { subnets: ['default'] } }],
};

/** Requests that are right, to be changed in one place: what is wrong in ten is refused for the first. */
const right: Readonly<Record<string, Json>> = {
  RegisterTaskDefinition: {
    family: 'app',
    containerDefinitions: [
      {
        name: 'app',
        image: 'a',
        memory: 64,
        portMappings: [{ containerPort: 80 }],
        healthCheck: { command: ['CMD', 'x'] },
      },
      {
        name: 'side',
        image: 'a',
        memory: 64,
        essential: false,
        dependsOn: [{ containerName: 'app', condition: 'START' }],
      },
    ],
    volumes: [{ name: 'data' }],
  },
  RunTask: { taskDefinition: 'app', overrides: { containerOverrides: [{ name: 'app' }] } },
  StartTask: { taskDefinition: 'app', containerInstances: ['node-1'] },
  CreateService: { serviceName: 'web', taskDefinition: 'app', desiredCount: 1, deploymentConfiguration: {} },
  UpdateService: { service: 'web', deploymentConfiguration: {} },
  CreateCapacityProvider: {
    name: 'Fast',
    autoScalingGroupProvider: { autoScalingGroupArn: 'arn:x', managedScaling: {} },
  },
  PutAccountSetting: { name: 'containerInsights', value: 'enabled' },
  PutAttributes: { attributes: [{ name: 'stack', value: 'prod', targetId: 'node-1' }] },
  TagResource: {
    resourceArn: 'arn:aws:ecs:eu-central-1:123456789012:cluster/default',
    tags: [{ key: 'a', value: 'b' }],
  },
};

export function randomInput(operation: string, dice: Dice): Json {
  const shape = inputOf[operation] ?? '';
  const known = Object.hasOwn(right, operation) && dice.chance(0.6) ? right[operation] : undefined;
  if (known !== undefined) return varied(known, shape, '', dice);
  const input = fromShape(shape, '', dice, 0);
  return dice.chance(0.6) ? input : mutated(input, dice);
}

/** With one member more, or another value somewhere. */
function varied(value: Json, shapeName: string, member: string, dice: Dice): Json {
  const shape = shapes[shapeName];
  if (shape?.type === 'list' && Array.isArray(value) && value.length > 0 && dice.chance(0.9)) {
    const at = dice.below(value.length);
    return value.map((each, index) => (index === at ? varied(each, shape.member, '', dice) : each));
  }
  if (shape?.type === 'structure' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const there = Object.keys(value);
    const chosen = dice.chance(0.5) && there.length > 0 ? dice.of(there) : dice.of(Object.keys(shape.members));
    const of = shape.members[chosen] ?? '';
    const before = value[chosen];
    return {
      ...value,
      [chosen]: before === undefined ? fromShape(of, chosen, dice, 2) : varied(before, of, chosen, dice),
    };
  }
  return fromShape(shapeName, member, dice, 2);
}

function fromShape(name: string, member: string, dice: Dice, depth: number): Json {
  const shape = shapes[name];
  if (!shape) throw new Error(`no shape ${name}`);
  const meant = Object.hasOwn(likely, member) ? likely[member] : undefined;
  if (meant && dice.chance(0.8)) return dice.of(meant);
  if (dice.chance(0.01)) return hostileValue(dice);
  switch (shape.type) {
    case 'structure':
      return structureFrom(shape, dice, depth);
    case 'list': {
      const length = depth > depthMax ? 0 : dice.chance(0.03) ? dice.of([11, 51, 101]) : dice.below(3);
      return Array.from({ length }, () => fromShape(shape.member, '', dice, depth + 1));
    }
    case 'map': {
      const keys = Array.from({ length: dice.below(3) }, () => (dice.chance(0.2) ? hostileKey(dice) : 'key'));
      return Object.fromEntries(keys.map((key) => [key, fromShape(shape.value, '', dice, depth + 1)]));
    }
    default:
      return scalarFrom(shape, dice);
  }
}

function structureFrom(shape: Extract<Shape, { type: 'structure' }>, dice: Dice, depth: number): Json {
  const { members, required = [] } = shape;
  const density = dice.of([0.1, 0.3, depth > 3 ? 0.2 : 0.8]);
  const named = Object.entries(members).filter(([member]) =>
    required.includes(member) ? dice.chance(0.97) : dice.chance(density),
  );
  return Object.fromEntries(named.map(([member, of]) => [member, fromShape(of, member, dice, depth + 1)]));
}

const numbers = [0, 1, 2, 3, 5, 10, 60, 64, 80, 100, 101, 200, 300, 1024, 65_535, 65_536, -1, 2 ** 31 - 1, -(2 ** 31)];

function scalarFrom(shape: Exclude<Shape, { type: 'structure' | 'list' | 'map' }>, dice: Dice): Json {
  switch (shape.type) {
    case 'boolean':
      return dice.chance(0.5);
    case 'string':
      if (shape.enum && dice.chance(0.97)) return dice.of(shape.enum);
      return dice.chance(0.9) ? dice.of(known) : hostileText(dice).toWellFormed();
    default:
      return dice.of(numbers);
  }
}
