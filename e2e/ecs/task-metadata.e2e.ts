/** Containers of real tasks ask about themselves; the foreign client is OpenTelemetry's detector of ECS, unmodified. */
import { createHash } from 'node:crypto';
import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  GetTaskProtectionCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
} from '@aws-sdk/client-ecs';
import { awsEcsDetector } from '@opentelemetry/resource-detector-aws';
import { detectResources } from '@opentelemetry/resources';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { freePorts } from '../cluster/free-ports.ts';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';
import { run } from '../harness/kubectl.ts';

const image = 'localhost/task:1';
const region = 'eu-central-1';
const account = '123456789012';
const app = { name: 'App', image, memory: 64, command: ['sleep', '1000'] };
type Mode = 'awsvpc' | 'host' | 'none';
const ofTask = (id: string) => `arn:aws:ecs:${region}:${account}:task/default/${id}`;

describeWith(missingCapability(containerNeeds), 'the metadata endpoint of tasks', () => {
  let cluster: Cluster;
  let ecs: ECSClient;

  beforeAll(async () => {
    const [port] = await freePorts(1);
    cluster = await newCluster({ flags: ['--ecs-port', `${port}`, '--ecs-account-id', account] });
    await cluster.up();
    await loadExampleImage(cluster, image);
    const key = ['accessKeyId=AKIA', 'secretAccessKey=SECRET', 'user=alice'].map((field) => `--from-literal=${field}`);
    const secret = ['create', 'secret', 'generic', 'key', '--type=slipway.dev/aws-access-key', ...key];
    await cluster.kubectl(['-n', 'kube-system', ...secret]);
    await cluster.kubectl(['create', 'clusterrolebinding', 'alice', '--clusterrole=slipway:ecs', '--user=alice']);
    const credentials = { accessKeyId: 'AKIA', secretAccessKey: 'SECRET' };
    ecs = new ECSClient({ endpoint: `http://127.0.0.1:${port}`, region, credentials });
    await ecs.send(new CreateClusterCommand({}));
  });

  afterAll(async () => {
    ecs?.destroy();
    await cluster.remove();
    // Nothing of it is left on the machine, whose own network namespace a task was in. Other clusters may be there.
    const id = createHash('sha256').update(cluster.dataDir).digest('hex').slice(0, 8);
    const left = await Promise.all([run('ip', ['-o', 'link']), run('nft', ['list', 'tables'])]);
    expect(left.map(({ stdout }) => stdout).join('')).not.toContain(id);
  });

  const sh = (pod: string, script: string) =>
    cluster.kubectl(['exec', pod, '-c', podContainer, '--', 'sh', '-c', script]);
  let podContainer = '';
  const variable = async (pod: string, name: string) => (await sh(pod, `printf %s "$${name}"`)).trim();

  async function register(family: string, networkMode: Mode): Promise<void> {
    await ecs.send(new RegisterTaskDefinitionCommand({ family, networkMode, containerDefinitions: [app] }));
  }

  async function running(pod: string): Promise<void> {
    await eventually(`${pod} to run`, () =>
      cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=30s']),
    );
    podContainer = await cluster.kubectl(['get', 'pod', pod, '-o', 'jsonpath={.spec.containers[0].name}']);
  }

  async function runTask(family: string, networkMode: Mode): Promise<string> {
    await register(family, networkMode);
    const networkConfiguration = { awsvpcConfiguration: { subnets: ['default'] } };
    const { tasks } = await ecs.send(
      new RunTaskCommand({
        taskDefinition: family,
        tags: [{ key: 'team', value: 'a' }],
        ...(networkMode === 'awsvpc' ? { networkConfiguration } : {}),
      }),
    );
    const id = tasks?.[0]?.taskArn?.split('/').at(-1) ?? '';
    await running(id);
    return id;
  }

  it('tells a task in a network of its own what the ECS API tells, behind a policy that lets nothing through', async () => {
    const id = await runTask('own', 'awsvpc');
    const policy = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
    const object = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'none' },
      spec: policy,
    };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    const task = JSON.parse(await sh(id, 'wget -qO- $ECS_CONTAINER_METADATA_URI_V4/taskWithTags'));
    await cluster.kubectl(['delete', 'networkpolicy', 'none']);
    const ip = await cluster.kubectl(['get', 'pod', id, '-o', 'jsonpath={.status.podIP}']);
    expect(task).toMatchObject({
      Cluster: 'default',
      TaskARN: ofTask(id),
      Family: 'own',
      Revision: '1',
      KnownStatus: 'RUNNING',
      LaunchType: 'EC2',
      TaskTags: { team: 'a' },
      Containers: [{ Name: 'App', Image: image, Networks: [{ NetworkMode: 'awsvpc', IPv4Addresses: [ip] }] }],
    });
    expect(await variable(id, 'AWS_EXECUTION_ENV')).toBe('AWS_ECS_EC2');
    expect(await variable(id, 'AWS_REGION')).toBe(region);
  });

  it('is there where nothing else is: in the network mode none', async () => {
    const id = await runTask('alone', 'none');
    const task = JSON.parse(await sh(id, 'wget -qO- $ECS_CONTAINER_METADATA_URI_V4/task'));
    expect(task).toMatchObject({ TaskARN: ofTask(id), Containers: [{ Networks: [{ NetworkMode: 'none' }] }] });
    expect(await sh(id, 'ip -o link')).not.toContain('eth0');
  });

  it("is understood by OpenTelemetry's detector, from the network of the host", async () => {
    const id = await runTask('hosted', 'host');
    const uri = 'ECS_CONTAINER_METADATA_URI_V4';
    process.env[uri] = await variable(id, uri);
    try {
      const resource = detectResources({ detectors: [awsEcsDetector] });
      await resource.waitForAsyncAttributes?.();
      expect(resource.attributes).toMatchObject({
        'cloud.provider': 'aws',
        'cloud.platform': 'aws_ecs',
        'cloud.region': region,
        'cloud.account.id': account,
        'aws.ecs.cluster.arn': `arn:aws:ecs:${region}:${account}:cluster/default`,
        'aws.ecs.task.arn': ofTask(id),
        'aws.ecs.task.family': 'hosted',
        'aws.ecs.task.revision': '1',
        'aws.ecs.launchtype': 'ec2',
        'aws.ecs.container.arn': `arn:aws:ecs:${region}:${account}:container/default/${id}/App`,
      });
    } finally {
      delete process.env[uri];
    }
  });

  it('lets a task of a service protect itself, which the ECS API then shows', async () => {
    await register('worker', 'awsvpc');
    await ecs.send(
      new CreateServiceCommand({
        serviceName: 'Workers',
        taskDefinition: 'worker',
        desiredCount: 1,
        networkConfiguration: { awsvpcConfiguration: { subnets: ['default'] } },
      }),
    );
    const id = await eventually('the service to have a task', async () => {
      const { taskArns } = await ecs.send(new ListTasksCommand({ serviceName: 'Workers' }));
      if (!taskArns?.[0]) throw new Error('none yet');
      return taskArns[0].split('/').at(-1) ?? '';
    });
    await running(id);
    expect(JSON.parse(await sh(id, 'wget -qO- $ECS_CONTAINER_METADATA_URI_V4/task')).ServiceName).toBe('Workers');
    const wish = '{"ProtectionEnabled":true,"ExpiresInMinutes":60}';
    const request = `PUT $p/task-protection/v1/state HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Length: ${wish.length}\\r\\n\\r\\n`;
    const script = `p=\${ECS_AGENT_URI#http://169.254.170.2}; (printf "${request}"; printf '${wish}'; sleep 1) | nc 169.254.170.2 80`;
    const answer = JSON.parse((await sh(id, script)).split('\r\n\r\n')[1] ?? '');
    expect(answer.protection).toMatchObject({ ProtectionEnabled: true, TaskArn: ofTask(id) });
    const { protectedTasks } = await ecs.send(new GetTaskProtectionCommand({ cluster: 'default', tasks: [id] }));
    expect(protectedTasks).toEqual([
      { taskArn: ofTask(id), protectionEnabled: true, expirationDate: new Date(answer.protection.ExpirationDate) },
    ]);
  });
});
