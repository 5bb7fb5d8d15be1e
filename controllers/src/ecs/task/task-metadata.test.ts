import type { Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import { ecsTaskFacts, parseClusterArn } from '@slipway/api/ecs/task-metadata';
import { effectiveDefinition } from './effective-definition.ts';
import { metadataAnnotation, withTaskVariables } from './task-metadata.ts';

const clusterArn = 'arn:aws:ecs:eu-central-1:123456789012:cluster/Prod_EU';

function aTask(spec: Partial<Task['spec']> = {}, annotations: Readonly<Record<string, string>> = {}): Task {
  const kind = { apiVersion: 'ecs.slipway.dev/v1', kind: 'Task' };
  return { ...kind, metadata: { name: 'f00', annotations }, spec: { taskDefinition: 'shop:7', ...spec } };
}

const definition: TaskDefinition = {
  apiVersion: 'ecs.slipway.dev/v1',
  kind: 'TaskDefinition',
  metadata: { name: 'shop.7' },
  spec: {
    family: 'shop',
    revision: 7,
    cpu: '256',
    containerDefinitions: [
      {
        name: 'Web',
        image: 'x',
        cpu: 10,
        memory: 64,
        dockerLabels: { team: 'a' },
        healthCheck: { command: ['CMD', 'true'], interval: 5, timeout: 2, retries: 2 },
        logConfiguration: { logDriver: 'json-file', options: { 'max-size': '1m' } },
      },
    ],
  },
};

const factsOf = (task: Task) => ecsTaskFacts(metadataAnnotation(task, effectiveDefinition(definition, task)));

describe('what a task tells about itself', () => {
  it('is read again as it was written', () => {
    const service = { serviceName: 'shop-1a2b', group: 'service:Shop_EU', launchType: 'EC2' } as const;
    const task = aTask(service, { 'slipway.dev/ecs-cluster-arn': clusterArn });
    const [[podName]] = Object.entries(factsOf(task)?.containers ?? {}) as [[string, unknown]];
    expect(podName).toMatch(/^web-/);
    expect(factsOf(task)).toEqual({
      form: 'ecs',
      clusterArn,
      family: 'shop',
      revision: 7,
      serviceName: 'Shop_EU',
      launchType: 'EC2',
      networkMode: 'bridge',
      limits: { cpu: 0.25 },
      containers: {
        [podName]: {
          name: 'Web',
          cpu: 10,
          memory: 64,
          unhealthyAfterMs: 14_000,
          labels: { team: 'a' },
          logDriver: 'json-file',
          logOptions: { 'max-size': '1m' },
        },
      },
    });
  });

  it('counts a provider of Fargate as its launch type', () => {
    expect(factsOf(aTask({ capacityProviderName: 'FARGATE_SPOT' }))).toMatchObject({ launchType: 'FARGATE' });
    expect(factsOf(aTask({ capacityProviderName: 'fast' }))).toMatchObject({ launchType: 'EC2' });
  });

  it('says where it runs in variables, unless the definition has its own', () => {
    const made = aTask({}, { 'slipway.dev/ecs-cluster-arn': clusterArn });
    expect(withTaskVariables(made, [{ name: 'AWS_REGION', value: 'mars-1' }])).toEqual([
      { name: 'AWS_EXECUTION_ENV', value: 'AWS_ECS_EC2' },
      { name: 'AWS_DEFAULT_REGION', value: 'eu-central-1' },
      { name: 'AWS_REGION', value: 'mars-1' },
    ]);
    expect(withTaskVariables(aTask({ launchType: 'FARGATE' }))).toEqual([
      { name: 'AWS_EXECUTION_ENV', value: 'AWS_ECS_FARGATE' },
    ]);
  });

  it.each(['', 'x', 'arn:aws:ecs:eu-central-1:123456789012:task/a/b', 'arn:aws:ecs::1:cluster/a'])(
    'takes no ARN of a cluster from %j',
    (text) => expect(parseClusterArn(text)).toBeUndefined(),
  );

  it.each(['{', 'null', '[]', '{"form":"other"}', '{"form":"ecs","containers":{"a":1}}'])(
    'reads no facts from %s',
    (text) => expect(ecsTaskFacts({ 'slipway.dev/task-metadata': text })).toBeUndefined(),
  );
});
