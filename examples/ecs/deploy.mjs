// What a pipeline does: registers a task definition from a file, rolls a service over to it, and says what the service says meanwhile.
// Ends with 1 when the deployment was rolled back.
// usage: node deploy.mjs SERVICE TASK-DEFINITION.json     (endpoint, region and keys: AWS_ENDPOINT_URL_ECS, AWS_REGION, ...)
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import {
  DescribeServiceDeploymentsCommand,
  DescribeServicesCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';

const [service, file] = process.argv.slice(2);
if (!service || !file) {
  console.error('usage: deploy.mjs SERVICE TASK-DEFINITION.json');
  process.exit(2);
}

const ecs = new ECSClient({});
const told = new Set();

async function tellNews() {
  const { services = [] } = await ecs.send(new DescribeServicesCommand({ services: [service] }));
  for (const { id, message } of services[0]?.events?.toReversed() ?? []) {
    if (!told.has(id)) console.log(message);
    told.add(id);
  }
}

/** Answers the ARN of the deployment that it begins. What the service told before is not told again. */
async function deploy() {
  const { services = [] } = await ecs.send(new DescribeServicesCommand({ services: [service] }));
  for (const { id } of services[0]?.events ?? []) told.add(id);
  const registering = new RegisterTaskDefinitionCommand(JSON.parse(await readFile(file, 'utf8')));
  const { taskDefinition } = await ecs.send(registering);
  const updating = new UpdateServiceCommand({ service, taskDefinition: taskDefinition?.taskDefinitionArn });
  return (await ecs.send(updating)).service?.currentServiceDeployment ?? '';
}

async function ended(deployment) {
  for (;;) {
    const describing = new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: [deployment] });
    const { serviceDeployments = [] } = await ecs.send(describing);
    const { status, statusReason } = serviceDeployments[0] ?? {};
    await tellNews();
    if (!underWay.has(status)) return { status, statusReason };
    await setTimeout(500);
  }
}

const underWay = new Set(['PENDING', 'IN_PROGRESS', 'ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS', 'STOP_REQUESTED']);

try {
  const { status, statusReason } = await ended(await deploy());
  console.log(`${status}: ${statusReason}`);
  process.exitCode = status === 'SUCCESSFUL' ? 0 : 1;
} catch (error) {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
}
