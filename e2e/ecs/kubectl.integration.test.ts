/** The kinds of ECS with the oldest and the newest kubectl there is, beside AWS' own client, over one state. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import * as sdk from '@aws-sdk/client-ecs';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { kubectlEnds, run } from '../harness/kubectl.ts';
import { type EcsTestServer, startEcsServer } from './ecs-server.ts';

const definition: sdk.RegisterTaskDefinitionCommandInput = {
  family: 'Both_Ways',
  networkMode: 'awsvpc',
  cpu: '256',
  memory: '512',
  executionRoleArn: 'arn:aws:iam::1:role/x',
  containerDefinitions: [
    {
      name: 'app',
      image: 'registry.example/app:1',
      cpu: 128,
      memoryReservation: 64,
      essential: true,
      command: ['a', 'b'],
      environment: [{ name: 'A', value: '1' }],
      portMappings: [{ containerPort: 80, hostPort: 80, protocol: 'tcp', name: 'http' }],
      healthCheck: { command: ['CMD-SHELL', 'true'], interval: 5, timeout: 2, retries: 1, startPeriod: 0 },
      dependsOn: [{ containerName: 'init', condition: 'SUCCESS' }],
      mountPoints: [{ sourceVolume: 'data', containerPath: '/data', readOnly: true }],
      ulimits: [{ name: 'nofile', softLimit: 1, hardLimit: -1 }],
      dockerLabels: { 'a.b/c': 'd' },
    },
    { name: 'init', image: 'registry.example/init:1', memory: 64, essential: false },
  ],
  volumes: [{ name: 'data', host: { sourcePath: '/srv' } }],
  placementConstraints: [{ type: 'memberOf', expression: 'attribute:stack == prod' }],
  tags: [{ key: 'team', value: 'x' }],
};

describeWith(missingCapability({ programs: ['kubectl'] }), 'kubectl', () => {
  let server: EcsTestServer;
  let ecs: sdk.ECSClient;
  let home: string;
  let kubeconfig: string;

  beforeAll(async () => {
    server = await startEcsServer();
    ecs = server.client();
    home = await mkdtemp(join(tmpdir(), 'ecs-kubectl-'));
    kubeconfig = await server.kubeconfig();
    await ecs.send(new sdk.CreateClusterCommand({}));
    const containerDefinitions = [{ name: 'app', image: 'a', memory: 64 }];
    await ecs.send(new sdk.RegisterTaskDefinitionCommand({ family: 'app', containerDefinitions }));
  });
  afterAll(async () => {
    await server.stop();
    await rm(home, { recursive: true });
  });

  const env = () => ({ HOME: home, KUBECONFIG: kubeconfig });
  const kubectl = (program: string, args: readonly string[], input = '') => run(program, args, { env: env(), input });

  describe.each(kubectlEnds().map((program) => [basename(program), program]))('%s', (version, program) => {
    const suffix = version.replaceAll(/[^0-9]/g, '') || 'x';
    const ok = async (args: readonly string[], input = '') => {
      const { code, stdout, stderr } = await kubectl(program, args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
      return { stdout, stderr };
    };
    const refused = async (args: readonly string[], input = '') => {
      const { code, stderr } = await kubectl(program, args, input);
      expect(code).not.toBe(0);
      return stderr;
    };

    it('shows clusters, services and tasks in columns, by short names and the category ecs', async () => {
      const create = new sdk.CreateServiceCommand({
        serviceName: `s${suffix}`,
        taskDefinition: 'app',
        desiredCount: 1,
      });
      await ecs.send(create);
      await ecs.send(new sdk.RunTaskCommand({ taskDefinition: 'app', group: 'once' }));
      const head = async (kind: string) => (await ok(['get', kind])).stdout.split('\n')[0]?.split(/\s+/);
      expect(await head('clusters.ecs.slipway.dev')).toEqual(
        expect.arrayContaining(['NAME', 'STATUS', 'INSTANCES', 'SERVICES', 'RUNNING', 'PENDING', 'AGE']),
      );
      expect(await head('ecssvc')).toEqual(
        expect.arrayContaining(['NAME', 'DEFINITION', 'STATUS', 'DESIRED', 'RUNNING', 'PENDING', 'ROLLOUT', 'AGE']),
      );
      expect(await head('taskdef')).toEqual(expect.arrayContaining(['FAMILY', 'REVISION', 'STATUS', 'NETWORK']));
      const all = (await ok(['get', 'ecs', '-o', 'name'])).stdout;
      for (const kind of ['cluster', 'taskdefinition', 'service', 'task'])
        expect(all).toContain(`${kind}.ecs.slipway.dev/`);
      expect((await ok(['get', 'tasks', '--field-selector', 'spec.group=once', '-o', 'name'])).stdout).toMatch(/^task/);
      expect((await ok(['describe', 'ecssvc', `s${suffix}`])).stdout).toMatch(/Task Definition: +app:1/);
    });

    it('explains fields', async () => {
      const { stdout } = await ok(['explain', 'taskdefinitions.spec.containerDefinitions.dependsOn.condition']);
      expect(stdout).toContain('HEALTHY: its check has passed.');
      expect(
        (await ok(['explain', 'services.spec.desiredCount', '--api-version=ecs.slipway.dev/v1'])).stdout,
      ).toContain('How many tasks a REPLICA service keeps up.');
    });

    it('scales a service, and the API shows it', async () => {
      await ok(['scale', `services.ecs.slipway.dev/s${suffix}`, '--replicas=3']);
      const { services } = await ecs.send(new sdk.DescribeServicesCommand({ services: [`s${suffix}`] }));
      expect(services?.[0]?.desiredCount).toBe(3);
    });

    it('is warned of what has no effect, and refused what is wrong, in a dry run too', async () => {
      const cluster = (spec: object) =>
        JSON.stringify({ apiVersion: 'ecs.slipway.dev/v1', kind: 'Cluster', metadata: { name: `c${suffix}` }, spec });
      const insights = { settings: [{ name: 'containerInsights', value: 'enabled' }] };
      const { stdout, stderr } = await ok(['apply', '--dry-run=server', '-f', '-'], cluster(insights));
      expect(stdout).toContain('(server dry run)');
      expect(stderr).toContain('Warning: no effect: spec.settings: containerInsights');
      expect((await ok(['apply', '--server-side', '-f', '-'], cluster(insights))).stderr).toContain(
        'Warning: no effect',
      );
      // What is not written is not told again.
      expect((await ok(['label', 'clusters.ecs.slipway.dev', `c${suffix}`, 'a=b'])).stderr).not.toContain('Warning');
      expect(await refused(['apply', '--dry-run=server', '-f', '-'], cluster({ tags: [{ value: 'x' }] }))).toContain(
        'spec.tags[0].key',
      );
      const patch = ['patch', 'ecssvc', `s${suffix}`, '--type=merge', '-p'];
      const constraint = { type: 'memberOf', expression: 'color == red' };
      expect(await refused([...patch, JSON.stringify({ spec: { placementConstraints: [constraint] } })])).toContain(
        'spec.placementConstraints[0].expression: Invalid value: "color == red": "color" is no subject',
      );
      // The status is the controllers' and has a door of its own.
      await ok([...patch, '{"status":{"runningCount":7}}']);
      const { services } = await ecs.send(new sdk.DescribeServicesCommand({ services: [`s${suffix}`] }));
      expect(services?.[0]?.runningCount).toBe(0);
    });

    it('makes clusters and providers of a name alone, which the API describes', async () => {
      const name = `alone-${suffix}`;
      for (const kind of ['Cluster', 'CapacityProvider']) {
        await ok(['create', '-f', '-'], JSON.stringify({ apiVersion: 'ecs.slipway.dev/v1', kind, metadata: { name } }));
      }
      const { clusters } = await ecs.send(new sdk.DescribeClustersCommand({ clusters: [name] }));
      expect(clusters).toMatchObject([{ clusterName: name, status: 'ACTIVE' }]);
      const { capacityProviders } = await ecs.send(
        new sdk.DescribeCapacityProvidersCommand({ capacityProviders: [name] }),
      );
      expect(capacityProviders).toMatchObject([{ name, status: 'ACTIVE' }]);
    });

    it('merges lists by their keys when two apply parts of one definition’s tags', async () => {
      const object = (key: string) =>
        JSON.stringify({
          apiVersion: 'ecs.slipway.dev/v1',
          kind: 'Cluster',
          metadata: { name: `m${suffix}` },
          spec: { tags: [{ key, value: '1' }] },
        });
      for (const key of ['a', 'b'])
        await ok(['apply', '--server-side', `--field-manager=${key}`, '-f', '-'], object(key));
      const { tags } = await ecs.send(
        new sdk.ListTagsForResourceCommand({ resourceArn: `arn:aws:ecs:eu-central-1:123456789012:cluster/m${suffix}` }),
      );
      expect(tags).toEqual([
        { key: 'a', value: '1' },
        { key: 'b', value: '1' },
      ]);
    });

    it('carries a definition from the API to another number and back, whole', async () => {
      const { taskDefinition: first } = await ecs.send(new sdk.RegisterTaskDefinitionCommand(definition));
      const revision = (first?.revision ?? 0) + 1;
      const name = (await ok(['get', 'taskdef', '-o', 'name'])).stdout
        .split('\n')
        .find((line) => line.includes('both-ways') && line.endsWith(`.${revision - 1}`));
      const object = JSON.parse((await ok(['get', name ?? '', '-o', 'json'])).stdout);
      const next = {
        apiVersion: object.apiVersion,
        kind: object.kind,
        metadata: { name: object.metadata.name.replace(/\.\d+$/, `.${revision}`) },
        spec: { ...object.spec, revision },
      };
      await ok(['create', '-f', '-'], JSON.stringify(next));
      const { taskDefinition: second, tags } = await ecs.send(
        new sdk.DescribeTaskDefinitionCommand({ taskDefinition: `Both_Ways:${revision}`, include: ['TAGS'] }),
      );
      const what = ({ taskDefinitionArn: _, revision: _number, registeredAt: _at, ...rest }: sdk.TaskDefinition) =>
        rest;
      expect(what(second ?? {})).toEqual(what(first ?? {}));
      expect(tags).toEqual(definition.tags);
      const { tags: _tags, ...registered } = definition;
      expect(first).toMatchObject(registered);
    });

    it('waits for a condition and deletes', async () => {
      const conditions = [
        { type: 'Stable', status: 'True', reason: 'Steady', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ];
      await server.setStatus('services', `s${suffix}`, { conditions }, 'default');
      await ok(['wait', '--for=condition=Stable', `ecssvc/s${suffix}`, '--timeout=10s']);
      await ok(['delete', 'ecssvc', `s${suffix}`]);
      const { failures } = await ecs.send(new sdk.DescribeServicesCommand({ services: [`s${suffix}`] }));
      expect(failures).toMatchObject([{ reason: 'MISSING' }]);
    });
  });
});
